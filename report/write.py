"""Writing a report: from an Explainer's and a gate's directories to one HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_explain.report.decision import Decision, read_decision
from tfx_explain.report.evidence import read_evidence
from tfx_explain.report.heat import heat
from tfx_explain.report.importance import importances, movements
from tfx_explain.report.page import Page, render
from tfx_explain.report.quality import read_splits, trust
from tfx_explain.report.slicing import slices_of
from tfx_explain.storage.sink import write_text

REPORT_FILE = "report.html"


def write_report(output: str, folders: Sequence[str] = (), validation: str = "", class_name: str = "") -> str:
    """Writes a report; the same bytes for the same input.

    Attributions that can't be read are said to be so on the page, beside the verdict: it may be about that.

    Args:
      output: The file.
      folders: Of the splits that Explainers wrote, `gate.reading.shards.split_folders`.
      validation: A ThresholdValidator's `validation` directory; empty: a report without thresholds.
      class_name: The class whose attributions are shown, by name or index; empty: the first one of each record.

    Returns:
      The file's path.

    Raises:
      ValueError: There is nothing to report, no verdict in the directory, or no readable attributions and no verdict.
    """
    if not folders and not validation:
        raise ValueError("There is nothing to report; give attributions, a validation or both.")
    decision = read_decision(validation) if validation else None
    page = Page(decision)
    if folders:
        try:
            page = build(decision, folders, class_name)
        except ValueError as error:
            if decision is None:
                raise
            page = Page(decision, unreadable=str(error))
    return write_text(render(page), output)


def build(decision: Decision | None, folders: Sequence[str], class_name: str = "") -> Page:
    """Returns the page of attributions and a decision on them.

    Raises:
      ValueError: The attributions can't be read.
    """
    evidence = read_evidence(folders, class_name)
    found = importances(evidence.totals)
    failed = decision.failed if decision else ()
    in_question = {one.feature for one in failed}
    return Page(
        decision,
        rows=evidence.rows,
        sampled=len(evidence.sample),
        importances=found,
        movements=list(movements(found)) if evidence.has_baseline else (),
        heat=heat(
            evidence.sample,
            slices_of(evidence.sample),
            sorted((one.feature for one in found), key=lambda name: name not in in_question),
            {one.slice for one in failed},
        ),
        trust={model: trust(totals) for model, totals in evidence.totals.items()},
        splits=read_splits(folders),
    )
