"""The same model gives the same bytes, whatever the process."""

import os
import subprocess
import sys

import pytest

PRINT = "import sys; from tfx_explain.savedmodel import *; print(metadata_to_json(generate_metadata(sys.argv[1])))"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Crossed", "ControlFlow"])
def test_metadata_does_not_depend_on_the_order_of_sets(zoo, name):
    seeds = [os.environ | {"PYTHONHASHSEED": seed} for seed in ("1", "2")]
    processes = [
        subprocess.Popen([sys.executable, "-c", PRINT, zoo(name).path], env=seed, stdout=subprocess.PIPE, text=True)
        for seed in seeds
    ]
    first, second = (process.communicate()[0] for process in processes)
    assert first == second and '"inputs"' in first
