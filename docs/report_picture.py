"""Makes report.png, the README's first picture: the page of the demonstration's blocked model, in a browser."""

from __future__ import annotations

import pathlib
import shutil
import sys

from playwright.sync_api import sync_playwright

_PICTURE = pathlib.Path(__file__).with_name("report.png")
_DEMO = pathlib.Path("build", "census-demo")
_WIDTH, _HEIGHT = 1120, 1330


def main(picture: pathlib.Path = _PICTURE, demo: pathlib.Path = _DEMO) -> None:
    """Takes the picture.

    Raises:
      SystemExit: There is no browser, or no demonstration to take it of.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-headless-shell")
    if browser is None:
        sys.exit("There is no `chromium` here to take pictures with; install it (Debian: apt-get install chromium).")
    pages = [path.read_text() for path in demo.glob("artifacts/ThresholdValidator/validation/*/report.html")]
    blocked = next((page for page in pages if "<title>NOT BLESSED" in page), None)
    if blocked is None:
        sys.exit(f"There is no report of a blocked model in {demo}; `make demo` makes one.")
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page(
            viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light"
        )
        # Paths as they are from here: where somebody's checkout lies is nothing for a picture.
        page.set_content(blocked.replace(f"{demo.resolve().parents[1]}/", ""))
        page.screenshot(path=picture)
    print(picture)


if __name__ == "__main__":
    main()
