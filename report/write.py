"""Writing a report: from an Explainer's and a gate's directories to one HTML file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import apache_beam as beam
import tensorflow as tf

from tfx_explain.report.decision import Decision, read_decision
from tfx_explain.report.drawn import PICTURES, draw_overlays
from tfx_explain.report.evidence import read_evidence
from tfx_explain.report.gist import gist
from tfx_explain.report.heat import heat
from tfx_explain.report.importance import Importance, importances, movements
from tfx_explain.report.masses import where_in_pictures
from tfx_explain.report.moved import where_moved
from tfx_explain.report.page import Page, render
from tfx_explain.report.pictures import most_changed_of
from tfx_explain.report.plots import POINTS, dependence, distributions
from tfx_explain.report.quality import doubt, read_baselines, read_splits, roots, trust, which_class
from tfx_explain.report.slicing import slices_of
from tfx_explain.report.tokens import tokens_of
from tfx_explain.report.waterfall import single_rows
from tfx_explain.storage.directory import scratch_beside
from tfx_explain.storage.sink import write_text

_IN_QUESTION, _DISTRIBUTIONS = 4, 12


def write_report(
    output: str,
    folders: Sequence[str] = (),
    validation: str = "",
    class_name: str = "",
    with_rows: bool = True,
    make_pipeline: Callable[[], beam.Pipeline] = beam.Pipeline,
) -> str:
    """Writes a report; the same bytes for the same input, however it is split among files and workers.

    Attributions that can't be read are said to be so on the page, beside the verdict: it may be about that.

    Args:
      output: The file. Beside it there is, until it is whole, a folder that Beam's workers write to.
      folders: Of the splits that Explainers wrote, `gate.reading.shards.split_folders`.
      validation: A ThresholdValidator's `validation` directory; empty: a report without thresholds.
      class_name: The class whose attributions are shown, by name or index; empty: the first one of each record.
      with_rows: Whether single rows are shown, as points and with their values; else sums over rows alone.
      make_pipeline: Makes the Beam pipeline that reads the attributions.

    Returns:
      The file's path.

    Raises:
      ValueError: There is nothing to report, no verdict in the directory, or no readable attributions and no verdict.
    """
    if not folders and not validation:
        raise ValueError("There is nothing to report; give attributions, a validation or both.")
    decision = read_decision(validation) if validation else None
    with scratch_beside(output) as scratch:
        page = Page(decision)
        if folders:
            try:
                page = build(decision, folders, scratch, class_name, with_rows, make_pipeline)
            except ValueError as error:
                if decision is None:
                    raise
                page = Page(decision, unreadable=str(error))
        whole = write_text(render(page), os.path.join(scratch, "report.html"))
        tf.io.gfile.rename(whole, output, overwrite=True)
    return output


def build(
    decision: Decision | None,
    folders: Sequence[str],
    scratch: str,
    class_name: str = "",
    with_rows: bool = True,
    make_pipeline: Callable[[], beam.Pipeline] = beam.Pipeline,
) -> Page:
    """Returns the page of attributions and a decision on them; see `write_report`.

    Raises:
      ValueError: The attributions can't be read.
    """
    evidence = read_evidence(folders, class_name, make_pipeline, scratch)
    sample, slices, splits = evidence.sample, slices_of(evidence.sample), read_splits(folders)
    found = importances(evidence.totals)
    failed = decision.failed if decision else ()
    in_question = _in_question(found, [one.feature for one in failed])
    by_question = sorted((one.feature for one in found), key=lambda name: name not in in_question)
    moved = [one for one in (where_moved(sample, slices, name) for name in in_question) if one]
    plotted = [dependence(sample, name) for name in in_question] if with_rows else ()
    # A name is a hash of all features: that of a record which lacks some leads nowhere.
    named = evidence.records if all(split.keeps_all for split in splits) else None
    pictures = most_changed_of(evidence.records, PICTURES, class_name) if with_rows else ()
    overlays, not_drawn = draw_overlays(pictures, roots(folders))
    return Page(
        decision,
        doubt=doubt(splits, decision) if decision else "",
        which_class=which_class(splits, class_name),
        rows=evidence.rows,
        sampled=len(sample),
        gist=list(gist([one.feature for one in failed], found, moved)) if failed else (),
        importances=found,
        movements=list(movements(found)) if evidence.has_baseline else (),
        heat=heat(sample, slices, by_question, {one.slice for one in failed}),
        moved=moved,
        tokens=tokens_of(evidence.records, evidence.tokens, class_name, with_rows),
        dependences=[one for one in plotted if one],
        distributions=list(distributions(sample, by_question[:_DISTRIBUTIONS])) if with_rows else (),
        points=min(POINTS, len(sample)),
        single_rows=single_rows(sample, in_question if failed else (), named) if with_rows else (),
        where=list(where_in_pictures(evidence.masses)),
        overlays=overlays,
        not_drawn=not_drawn,
        trust={model: trust(totals) for model, totals in evidence.totals.items()},
        splits=splits,
        baselines=read_baselines(folders),
    )


def _in_question(found: Sequence[Importance], failed: Sequence[str]) -> list[str]:
    """Returns the features to look at closely: that failed, else whose share changed most, or is largest."""
    known = {one.feature for one in found}
    named = [feature for feature in dict.fromkeys(failed) if feature in known]
    changed = sorted(found, key=lambda one: -abs(one.change))
    return (named or [one.feature for one in changed])[:_IN_QUESTION]
