"""The page: what was found, put into one HTML file that needs nothing else, no script and no network."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from markupsafe import Markup

from tfx_explain.proto.printable import printable
from tfx_explain.report.decision import Decision
from tfx_explain.report.drawn import Drawn
from tfx_explain.report.heat import Heat
from tfx_explain.report.importance import Importance
from tfx_explain.report.masses import Where
from tfx_explain.report.moved import Moved
from tfx_explain.report.plots import Dependence, Distribution
from tfx_explain.report.quality import Baseline, Split, Trust
from tfx_explain.report.tokens import Tokens
from tfx_explain.report.waterfall import Row

_NAME, _VALUE, _SENTENCE = 80, 24, 1500


@dataclass(frozen=True)
class Page:
    """What a page shows; a part that is None or empty is not there, or said to be missing.

    Attributes:
      decision: The gate's.
      unreadable: Why there are no attributions on the page, a sentence.
      doubt: Why the attributions are not those that the decision is on, a sentence.
      which_class: Of which class the attributions are, a sentence, where there are several.
      rows: How many records there are.
      sampled: How many of them are in the sample that slices are made of.
      gist: The features that failed, each with what became of it.
      importances: Every feature, the most important first.
      movements: Sentences about what entered, left and changed its place.
      heat: Slices by features.
      moved: Where features changed most.
      tokens: What the tokens of texts carry, where the records tell it.
      dependences: Pictures of features over their values.
      distributions: Pictures of features.
      points: How many rows the pictures show.
      single_rows: Rows that tell most.
      where: Where in the pictures of features attributions lie.
      overlays: Pictures whose maps changed most.
      not_drawn: Why there are none of these, a sentence.
      trust: By model, how good the attributions are.
      splits: What the Explainer says of each split.
      baselines: Where features count as absent.
    """

    decision: Decision | None
    unreadable: str = ""
    doubt: str = ""
    which_class: str = ""
    rows: int = 0
    sampled: int = 0
    gist: Sequence[tuple[str, str]] = ()
    importances: Sequence[Importance] = ()
    movements: Sequence[str] = ()
    heat: Heat | None = None
    moved: Sequence[Moved] = ()
    tokens: Sequence[Tokens] = ()
    dependences: Sequence[Dependence] = ()
    distributions: Sequence[Distribution] = ()
    points: int = 0
    single_rows: Sequence[Row] = ()
    where: Sequence[Where] = ()
    overlays: Sequence[Drawn] = ()
    not_drawn: str = ""
    trust: Mapping[str, Trust] = field(default_factory=dict)
    splits: Sequence[Split] = ()
    baselines: Sequence[Baseline] = ()

    @functools.cached_property
    def widest(self) -> float:
        """The largest share, or end of an interval, which is as wide as a bar gets."""
        ends = [end for one in self.importances for part in one.parts.values() for end in (part.share, part.high)]
        return max((end for end in ends if math.isfinite(end)), default=1.0) or 1.0

    @property
    def silent(self) -> list[str]:
        """The models whose attributions are all 0, which have no parts."""
        heard = {m for one in self.importances for m, part in one.parts.items() if math.isfinite(part.share)}
        return [model for model, one in self.trust.items() if one.rows and model not in heard]


def render(page: Page) -> str:
    """Returns the page as HTML; the same bytes for the same page."""
    return render_part("report.html", page=page, decision=page.decision)


def render_part(name: str, **shown: Any) -> str:
    """Returns one of the templates as HTML, with what it shows."""
    return environment().get_template(name).render(**shown)


@functools.cache
def environment(*above: str) -> jinja2.Environment:
    """Returns where templates are rendered, compiled once: whatever a value holds is escaped, and printable.

    Args:
      above: Packages with templates of their own, which are taken before the report's.
    """
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in (*above, "tfx_explain.report")]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_fit,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": "{:.6g}".format, "whole": "{:,}".format, "counted": _counted, "signed": _signed}
    made.filters |= {"percent": _percent, "hundred": _hundred, "points": _points, "at": _at}
    made.filters |= {"short": _short, "brief": _brief, "cut": _cut, "probability": _probability}
    made.tests["finite"] = math.isfinite
    return made


def _fit(value: Any) -> Any:
    """Makes whatever stands on the page printable; it is escaped behind this."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _percent(share: float) -> str:
    """Returns "12.3%", with more digits where a share would read as 0."""
    if not math.isfinite(share):
        return "not known"
    return f"{share:.1%}" if abs(share) >= 0.001 or not share else f"{100 * share:.2g}%"


def _signed(value: float) -> str:
    """Returns "+0.12", with a real minus sign."""
    if not value:
        return "0"
    if not math.isfinite(value):
        return "not known"
    # Three digits, but no power of ten where a person would write none.
    digits = ",.0f" if 1000 <= abs(value) < 1e6 else ".3g"
    return f"{value:+{digits}}".replace("-", "\N{MINUS SIGN}")


def _counted(count: int, what: str) -> str:
    """Returns "1 row", "2,310 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _points(change: float) -> str:
    """Returns a change of a share in percentage points, "+14.7"."""
    if not math.isfinite(change):
        return "\N{EN DASH}"
    return f"{100 * change:+.1f}".replace("-", "\N{MINUS SIGN}") if abs(change) >= 0.0005 else "0"


def _hundred(share: float) -> str:
    """Returns a share in percent for a narrow place, "12.3"."""
    return f"{100 * share:.1f}" if math.isfinite(share) else "\N{EN DASH}"


def _probability(p_value: float) -> str:
    """Returns "p = 0.012", "p < 1e-99"."""
    return f"p = {p_value:.2g}" if p_value >= 1e-99 else "p < 1e-99"


def _at(part: float) -> str:
    """Returns a part of a width for a style, without the noise of the last digits."""
    return f"{100 * part:.2f}%".replace("nan%", "0%")


def _short(name: str) -> str:
    """Returns a name for a narrow place; the whole one belongs into a title beside it."""
    return _shortened(name, _NAME, "\N{HORIZONTAL ELLIPSIS}")


def _brief(value: str) -> str:
    """Returns a value for a legend; the whole one belongs into a title beside it."""
    return _shortened(value, _VALUE, "\N{HORIZONTAL ELLIPSIS}")


def _cut(sentence: str) -> str:
    """Returns a sentence that is not longer than a screen."""
    more = len(printable(sentence)) - _SENTENCE
    return _shortened(sentence, _SENTENCE, f"\N{HORIZONTAL ELLIPSIS} ({more:,} characters more)")


def _shortened(text: str, length: int, end: str) -> str:
    text = printable(text)
    return text if len(text) <= length else text[:length] + end
