"""The page of all runs in a real browser: as the report's, nothing in it runs, is fetched or overflows."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.report.conftest import HOSTILE
from tests.report.test_browser import OVERFLOWING, show, unfold
from tfx_explain.gate.saying.verdict import headline
from tfx_explain.report.decision import Decision, Threshold
from tfx_explain.report.history.left import Left
from tfx_explain.report.history.run import Drift, Run
from tfx_explain.report.history.write import history_page
from tfx_explain.report.importance import Importance, Part

__all__ = ["show"]


def run(number, shares, failed=()):
    """A run of such shares, which was blocked if thresholds failed."""
    ranked = sorted(shares, key=lambda name: -shares[name])
    parts = {name: Part(share, share * 0.9, share * 1.1, ranked.index(name) + 1, 0.1) for name, share in shares.items()}
    bad = [Threshold(name, "Overall", False, f"{name} is too large", {"candidate": 0.5}, None, ()) for name in failed]
    models = {"candidate": {"uri": f"/serving/{number}", "fingerprint": f"sha256:{number:064d}"}}
    said = headline(not failed, 5 - len(failed), 5)
    time = f"2026-11-{number:02d}T00:00:00Z"
    decision = Decision(not failed, False, time, said, (), (), (), models, (), (), bad, (), ())
    drift = {name: Drift(1, 0.8, 0.2, ranked[0]) for name in ("first", "last_blessed") if number > 1}
    found = [Importance(name, {"candidate": part}) for name, part in parts.items()]
    return Run(number, Left(f"census run {number}"), decision, found, 30, models, {}, (), drift)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    names = [f"feature-{number}" for number in range(26)]
    shares = [{name: (1 + (at * i) % 7) / 100 for i, name in enumerate(names)} for at in range(1, 13)]
    plain = [run(at, some, names[:1] if at == 8 else ()) for at, some in enumerate(shares, 1)]
    shares = [{name: 0.1 + i * at / 50 for i, name in enumerate(HOSTILE)} for at in range(1, 4)]
    hostile = [run(at, some, HOSTILE if at == 2 else ()) for at, some in enumerate(shares, 1)]
    lost = Run(4, Left(HOSTILE[-1]), problems=[f"{name} can't be read." for name in HOSTILE])
    found = {}
    for name, runs in (("plain", plain), ("hostile", [*hostile, lost])):
        found[name] = tmp_path_factory.mktemp("history") / f"{name}.html"
        found[name].write_text(history_page(runs))
    return found


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_it_fits_and_is_fit_for_all(show, name):
    for width, scheme in ((390, "dark"), (1280, "light")):
        page = show(name, width, color_scheme=scheme)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERFLOWING) == []
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_the_switch_shows_one_table(show):
    page = show("plain")
    tables = {name: page.locator(f".heat-{name}") for name in ("share", "last_blessed", "first")}
    page.get_by_role("radio", name="share minus that of the first run").check()
    assert [name for name, table in tables.items() if table.is_visible()] == ["first"]


def test_hostile_names_are_text(show):
    page = show("hostile")
    assert page.get_by_text("<script>alert(1)</script>").first.is_visible()
    assert page.locator("script, img").count() == 0
    assert page.get_by_text("NOT ALL RUNS CAN BE COMPARED").is_visible()
