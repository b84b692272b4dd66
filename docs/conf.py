"""Settings of the documentation's site, which `make docs` builds from these pages and from the docstrings."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ROOT = Path(__file__).parent.parent
(REPOSITORY,) = re.findall(r'(?m)^REPOSITORY = "(.*)"$', (ROOT / "setup.py").read_text())

project = "tfx-explain"
html_title = "tfx-explain"
extensions = ["myst_parser", "autoapi.extension", "sphinx.ext.napoleon"]
exclude_patterns = ["notebooks"]
html_theme = "furo"
# Not a request to another host when a page is opened.
html_theme_options = {"source_repository": "", "footer_icons": []}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# It says of all that it was not given where it comes from.
suppress_warnings = ["autoapi.python_import_resolution"]

# What people import. The rooms are links, which the extension does not follow: it reads a copy.
PUBLIC = ("attribution", "beam", "components", "gate", "gate.presets", "metrics", "report", "savedmodel", "training")
_SOURCES = Path(tempfile.mkdtemp(prefix="tfx-explain-api-"))
atexit.register(shutil.rmtree, _SOURCES, ignore_errors=True)
for _room in {name.split(".")[0] for name in PUBLIC}:
    _ignored = shutil.ignore_patterns("__pycache__", "templates")
    shutil.copytree(ROOT / _room, _SOURCES / "tfx_explain" / _room, ignore=_ignored)
shutil.copy(ROOT / "tfx_explain" / "__init__.py", _SOURCES / "tfx_explain")
autoapi_dirs = [str(_SOURCES / "tfx_explain")]
autoapi_root = "api"
autoapi_add_toctree_entry = False
autoapi_options = ["members", "imported-members"]
autoapi_python_class_content = "both"
autoapi_member_order = "groupwise"


def _skip(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: list[str]) -> bool:
    """Leaves out the modules that people don't import; what packages export is documented there."""
    public = {"tfx_explain", *(f"tfx_explain.{each}" for each in PUBLIC)}
    return skip or (what in ("package", "module") and name not in public)


def _from_markdown(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are written as Markdown: fenced code, single backticks, bars and stars that mean themselves."""
    text = "\n".join(lines)
    text = re.sub(r"(?m)^( *)```(\w*)\n(.*?)^ *```$", _code_block, text, flags=re.DOTALL)
    text = re.sub(r"(?<![`\\])\|", r"\\|", text)
    text = re.sub(r"(?<!`)`([^`\n]+)`(?!`)(?!_)", r"``\1``", text)
    lines[:] = text.split("\n")


def _code_block(match: re.Match[str]) -> str:
    indent, language, code = match.groups()
    block = "\n".join(f"    {line}" if line.strip() else "" for line in code.split("\n"))
    return f"\n{indent}.. code-block:: {language or 'text'}\n\n{block}\n"


def _lead_to_the_repository(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links out of this folder lead to the repository."""
    source[0] = re.sub(r"\]\(\.\./", f"]({REPOSITORY}/blob/main/", source[0])


# What a browser fetches by itself: links that people follow are none of it.
_FETCHED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*["'](?:https?:)?//[^>]*>|(?:@import|url\()[\s"']*(?:https?:)?//.*"""
)


def _ask_no_host(app: Sphinx, failure: Exception | None) -> None:
    """Fails where a page or style would ask another host for something when it is opened."""
    pages = [path for kind in ("html", "css") for path in Path(app.outdir).rglob(f"*.{kind}")]
    asking = [f"{path}: {found[0]}" for path in pages if (found := _FETCHED.search(path.read_text(encoding="utf-8")))]
    if asking:
        raise ExtensionError("These ask another host:\n" + "\n".join(asking))


def setup(app: Sphinx) -> None:
    """Connects the functions above."""
    app.connect("build-finished", _ask_no_host)
    app.connect("autoapi-skip-member", _skip)
    app.connect("source-read", _lead_to_the_repository)
    app.connect("autodoc-process-docstring", _from_markdown, priority=1)
