"""The page in a browser, and who is let in."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.whatif.conftest import HOSTILE
from tfx_explain import whatif
from tfx_explain.beam.reading.names import row_names
from tfx_explain.cli import main
from tfx_explain.report.page import environment
from tfx_explain.whatif.asking.values import with_values

pytestmark = pytest.mark.slow

signed = environment().filters["signed"]


@pytest.fixture(scope="module")
def asked(session, write_rows, records):
    """What the command is told: the models and rows of `session`."""
    job = session.models.job
    models = ["--model", job.model_dir, "--baseline-model", job.baseline_model_dir]
    return ["whatif", *models, "--examples", write_rows(records), "--row", row_names(records[:1])[0]]


@pytest.fixture(scope="module")
def started(asked):
    """The command, serving, and its page's address."""
    command = [sys.executable, "-m", "tfx_explain.cli.main", *asked, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    assert address, process.stderr.read()
    yield process, address
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def address(started):
    return started[1]


@pytest.fixture
def page(chromium, address):
    """The page, opened; at the end nothing is wrong with it, and it has asked nobody else."""
    wrong, asked = [], set()
    page = chromium.new_page()
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: asked.add(request.url.partition("//")[2].partition("/")[0] or request.url[:5]))
    page.goto(address)
    page.get_by_text("Every feature").wait_for()
    yield page
    own = address.partition("//")[2].partition("/")[0]
    assert wrong == [] and asked <= {own, "data:", f"blob:http://{own}"} | {one for one in asked if "blob" in one}
    page.close()


def write(page, feature, text):
    """Writes in the field of a feature, and waits for what comes of it."""
    with changes(page):
        page.get_by_label(re.compile("^" + re.escape(feature[:80]))).first.fill(text)
        page.keyboard.press("Enter")


@contextlib.contextmanager
def changes(page):
    """Waits until what a block did is seen."""
    before = page.locator(".alert, .big, .was").all_inner_texts()
    yield
    for _ in range(200):
        if page.locator(".alert, .big, .was").all_inner_texts() != before:
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing came of it")


def shown(page):
    """The attributions of both models on the page, by feature, as they are written there."""
    rows = page.locator("table.signed tbody tr").all()
    return {
        row.locator("th").get_attribute("title"): [
            cell.inner_text().partition("\n")[0] for cell in row.locator("td").all()[2:]
        ]
        for row in rows
    }


def test_the_numbers_of_an_edited_row_are_those_of_the_library(page, session, records):
    edits = {"x": [np.float32(1.5)], "color": [b"blue"], "pair": [np.float32(2), np.float32(0.5)], "count": []}
    for feature, text in {"x": "1.5", "color": "blue", "pair": "[2, 0.5]", "count": ""}.items():
        write(page, feature, text)
    answer = session.ask(with_values(records[0], session.models.features, edits))
    probabilities = [f"{1 / (1 + np.exp(-outputs[0])):.4g}" for outputs in answer.outputs.values()]
    expect(page.locator(".big")).to_have_text(probabilities)
    candidate, baseline = answer.attributions.values()
    values = dict(zip(baseline.features, baseline.values[0], strict=True))
    expected = {
        feature: [signed(value), signed(values[feature])]
        for feature, value in zip(candidate.features, candidate.values[0], strict=True)
    }
    for _ in range(100):  # the page changes step by step
        if shown(page) == expected:
            break
        page.wait_for_timeout(100)
    assert shown(page) == expected
    page.get_by_role("button", name="Back to the row as it was read").click()
    page.get_by_text("was 3").wait_for(state="detached")


def test_a_value_that_is_none_is_a_sentence_and_stays_to_be_mended(page):
    before = page.locator(".big").all_inner_texts()
    write(page, "count", "many")
    expect(page.get_by_role("alert")).to_contain_text("'count' takes whole numbers, such as 42; 'many' is none.")
    field = page.get_by_label(re.compile("^count")).first
    expect(field).to_have_value("many")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".big")).to_have_text(before)
    write(page, "count", "49")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".big")).not_to_have_text(before)
    write(page, "x", "")
    expect(page.get_by_role("alert")).to_contain_text("Feature 'x' has no value; the model's parser requires one.")
    write(page, "x", "1")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_slider_and_the_list_of_values_edit_the_row(page):
    page.get_by_label("Feature", exact=True).select_option("color")
    page.get_by_label("Value", exact=True).wait_for()
    with changes(page):
        page.get_by_label("Value", exact=True).select_option("mauve")
    page.get_by_label("color (was red)").wait_for()
    page.get_by_label("Feature", exact=True).select_option("count")
    page.get_by_role("slider").press("End")
    page.get_by_label(re.compile(r"^count \(was ")).wait_for()
    assert int(page.get_by_role("slider").get_attribute("aria-valuetext")) >= 45


def test_rows_are_found_by_name_and_by_address(page, records, row, address):
    names = row_names(records)
    page.wait_for_url(f"{address}#row={names[0]}")
    page.get_by_label("Find a row by its name").fill(names[6])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}#row={names[6]}")
    page.evaluate(f"location.hash = '#row={names[9]}'")
    page.get_by_label(re.compile("^color")).first.and_(page.locator("input")).wait_for()
    page.get_by_role("button", name="Look at this row").click()
    page.wait_for_function("name => !location.hash.includes(name)", arg=names[9])
    page.get_by_label("Find a row by its name").fill("nobody")
    page.keyboard.press("Enter")
    page.get_by_text("None of the 60 rows is called 'nobody'").wait_for()


def test_hostile_names_are_text(page):
    assert page.get_by_text(HOSTILE).count() > 0
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_and_axe_finds_nothing_serious(chromium, address, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(address)
    page.get_by_text("Every feature").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.close()


@pytest.mark.parametrize(
    "path", ["", "metadata", "autoload.js?bokeh-autoload-element=1", "ws", "static/js/bokeh.min.js"]
)
@pytest.mark.parametrize("instead", ["", "x" * 43 + "/", "{token}x/", "../{token}/"])
def test_without_the_token_there_is_nothing(address, path, instead):
    start, _, token = address.rstrip("/").rpartition("/")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{start}/{instead.format(token=token)}{path}")
    with error.value as answer:
        assert answer.code == 404 and b"red" not in answer.read()
    assert len(token) >= 43


def test_a_page_of_another_origin_is_refused_and_so_is_a_session_made_up(address):
    """The websocket's own answer to a handshake: 101 would let somebody in."""
    host, path = re.fullmatch("http://([^/]+)(/.*)", address).groups()
    for origin, offered in ((f"http://{host}", "bokeh, made.up"), ("http://evil.example", "bokeh, made.up")):
        lines = [f"GET {path}ws HTTP/1.1", f"Host: {host}", f"Origin: {origin}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Protocol: {offered}", "", ""]
        with socket.create_connection(host.split(":")) as connection:
            connection.sendall("\r\n".join(lines).encode())
            connection.settimeout(10)
            answer = connection.recv(4096)
            if "evil" in origin:
                assert answer.startswith(b"HTTP/1.1 403")
            else:
                assert b"ACK" not in answer + connection.recv(4096)


def test_no_other_machine_reaches_it(address):
    port = address.partition("//")[2].partition("/")[0].partition(":")[2]
    with open("/proc/net/tcp") as file:
        listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
    assert [one for one in listening if int(one.partition(":")[2], 16) == int(port)] == [f"0100007F:{int(port):04X}"]


def test_a_port_that_is_taken_is_a_sentence(asked, address, capsys):
    port = address.partition("//")[2].partition("/")[0].partition(":")[2]
    assert main.run([*asked, "--port", port]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"tfx-explain: Port {port} is in use; give another one by --port, or 0 for any that is free.\n"


def test_without_the_extra_it_says_what_to_install(asked, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("tfx_explain.whatif.s")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(whatif, "serve")
    monkeypatch.setitem(sys.modules, "panel", None)
    assert main.run(asked) == 2
    assert (
        capsys.readouterr().err == "tfx-explain: `tfx-explain whatif` needs Panel: pip install 'tfx-explain[whatif]'.\n"
    )


def test_ctrl_c_ends_it_cleanly(started):
    process, _ = started
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert "KeyboardInterrupt" not in process.stderr.read()
