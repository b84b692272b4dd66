import os

import pytest

from tfx_explain.pipelines import quiet


def test_what_is_written_to_stderr_goes_to_the_log_and_later_to_the_terminal_again(tmp_path, capfd):
    log = tmp_path / "log.txt"
    with quiet.stderr_to(log):
        os.write(2, b"from C++\n")
    os.write(2, b"afterwards\n")
    assert log.read_text() == "from C++\n"
    assert capfd.readouterr().err == "afterwards\n"


def test_an_error_gives_the_terminal_back(tmp_path, capfd):
    with pytest.raises(ValueError, match="stop"), quiet.stderr_to(tmp_path / "log.txt"):
        raise ValueError("stop")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"


def test_without_a_log_everything_stays_on_the_terminal(capfd):
    with quiet.stderr_to(None):
        os.write(2, b"from C++\n")
    assert capfd.readouterr().err == "from C++\n"
