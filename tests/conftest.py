"""What every test needs before TensorFlow is imported; the Makefile sets the same for people's commands."""

import gc
import itertools
import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

# tensorflow_transform turns this on where nobody set it: which Keras a test gets would depend on what it imports first.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="module")
def chromium():
    """The machine's own browser, to open pages in."""
    from playwright.sync_api import sync_playwright  # not everywhere where tests run, as beside Airflow

    path = shutil.which("chromium") or shutil.which("chromium-headless-shell")
    assert path, "There is no `chromium` here to open pages in; install it (Debian: apt-get install chromium)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def pytest_addoption(parser):
    """Adds the short form of a run."""
    parser.addoption("--every", type=int, default=1, help="run a file's first test, and of the others each so many")


# After pytest's own have left out what is not asked for.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Files with slow tests come first, so that no process is alone with the last of them while the others are done."""
    files = itertools.groupby(items, key=lambda item: item.path)
    items[:] = [item for _, tests in files for item in itertools.islice(tests, None, None, config.option.every)]
    with_slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in with_slow)


def pytest_collection_finish():
    """What was imported is left out of searches for garbage, which took a tenth of the tests' processor time."""
    gc.collect()
    gc.freeze()
