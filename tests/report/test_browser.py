"""The page in a real browser, opened from disk: what it shows, and that nothing in it runs, is fetched or overflows."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.slow

PAGES = ("blocked", "one-row", "pictures", "hostile", "texts", "large")
# Parts of the page, but for what scrolls by itself, that reach beyond the window.
OVERFLOWING = """() => [...document.querySelectorAll('body *')].filter(one =>
    !one.closest('.scroll, .ticks, svg') && one.getClientRects().length &&
    one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""


@pytest.fixture
def show(chromium, pages):
    """Opens a page without a network; at the end it must have said nothing, asked for nothing and run nothing."""
    contexts, said = [], []

    def open_page(name, width=1280, **more):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **more))
        page = contexts[-1].new_page()
        for event in ("console", "pageerror", "dialog", "requestfailed"):
            page.on(event, lambda what, event=event: said.append((event, str(what))))
        page.on("request", lambda request: request.url == pages[name].as_uri() or said.append(("request", request.url)))
        page.goto(pages[name].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def unfold(page):
    for fold in page.locator("details").all():
        fold.evaluate("one => { one.open = true }")


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_into_a_phone_and_a_window(show, name):
    for width in (390, 1280):
        page = show(name, width)
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES[:4])
def test_axe_finds_nothing(show, name, scheme):
    page = show(name, color_scheme=scheme)
    unfold(page)
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []


def test_what_passed_is_folded_and_opens_by_the_keyboard(show):
    page = show("blocked")
    passed = page.get_by_text("attribution_share/sex on Overall is 0.05")
    assert not passed.is_visible()
    page.get_by_text("Passed (1)").focus()
    page.keyboard.press("Enter")
    assert passed.is_visible()


def test_the_switch_changes_the_table_without_a_script(show):
    page = show("blocked")
    tables = {name: page.locator(f".heat-{name}") for name in ("change", "candidate", "baseline")}

    def shown():
        return [name for name, table in tables.items() if table.is_visible()]

    assert shown() == ["change"]
    page.get_by_label("candidate", exact=True).check()
    assert shown() == ["candidate"]
    page.keyboard.press("ArrowRight")
    assert shown() == ["baseline"]


def test_it_is_dark_where_the_system_is_and_white_on_paper(show):
    background = "getComputedStyle(document.body).backgroundColor"
    page = show("blocked", color_scheme="dark")
    assert sum(map(int, page.evaluate(background)[4:-1].split(", "))) < 150
    page.emulate_media(media="print")
    assert page.evaluate(background) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", PAGES)
def test_print_cuts_nothing_off(show, name):
    page = show(name, 718)  # A4 between its margins, in CSS' pixels.
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") == 718
    cut = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert page.evaluate(cut) == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_print_has_what_is_folded(show):
    page = show("blocked")
    page.emulate_media(media="print")
    assert page.get_by_text("attribution_share/sex on Overall is 0.05").is_visible()


def test_hostile_names_are_text_and_take_no_more_room_than_others(show):
    page = show("hostile", 390)
    unfold(page)
    assert page.get_by_text("<script>alert(1)</script>").first.is_visible()
    assert page.locator("script, img").count() == 0
    tallest = "Math.max(...[...document.querySelectorAll('tr, li, h3, .threshold')].map(one => one.offsetHeight))"
    assert page.evaluate(tallest) < 1500


def test_dead_letters_are_a_link(show, pages):
    link = show("blocked").get_by_role("link", name="dead_letters")
    assert link.get_attribute("href") == (pages["blocked"].parent / "attributions/dead_letters/Split-eval").as_uri()
