"""The report that a component or a command writes beside its results: which one, and what becomes of an error."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence

import apache_beam as beam

from tfx_explain.gate.saying.verdict import REPORT_FILE
from tfx_explain.proto.printable import first_line
from tfx_explain.report.write import write_report

REPORT_KEY = "report"
REPORTS = EVERYTHING, SUMS, NONE = ("everything", "sums", "none")

_LOGGER = logging.getLogger(__name__)


def check_report(component: str, report: str) -> None:
    """Raises a ValueError where a component is asked for a report that there isn't."""
    if report not in REPORTS:
        raise ValueError(f"The {component}'s report is {report!r}; give one of {', '.join(REPORTS)}.")


def report_beside(
    which: str | None,
    directory: str,
    folders: Sequence[str],
    make_pipeline: Callable[[], beam.Pipeline],
    validation: str = "",
) -> None:
    """Writes a report into a directory of results, which stand whether or not there is a picture of them.

    Args:
      which: One of `REPORTS`; None of a pipeline that was compiled before there were any: everything.
      directory: Where it goes.
      folders: Of the splits that Explainers wrote.
      make_pipeline: Makes the Beam pipeline that reads them.
      validation: A verdict's directory; empty: a report without thresholds.
    """
    if which == NONE:
        return
    path = os.path.join(directory, REPORT_FILE)
    try:
        write_report(path, folders, validation, with_rows=which != SUMS, make_pipeline=make_pipeline)
    except Exception as error:
        _LOGGER.warning("There is no %s, since it failed: %s", REPORT_FILE, first_line(error), exc_info=True)
