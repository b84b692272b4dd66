"""From the directories that Explainers wrote to runs: each model once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfx_explain.gate.calibration.runs import Comparison, Run, Slices, Sums
from tfx_explain.gate.reading.explanations import read_summary, split_of, verify_rows
from tfx_explain.gate.reading.shards import record_files, split_folders
from tfx_explain.metrics.evaluate import read_batches, summarize_records
from tfx_explain.storage.columns import BASELINE, CANDIDATE, attribution_column
from tfx_explain.storage.summary import Summary


@dataclass(frozen=True)
class History:
    """What is known of sound models.

    Attributes:
      runs: Each model once.
      comparisons: Of two models on the same rows.
      slices: The features that they are sliced by, each alone or some together.
      class_name: The class that they are about; empty: the first one of each record.
      notes: What was passed over, in sentences.
    """

    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...]
    slices: Slices = ()
    class_name: str = ""
    notes: tuple[str, ...] = ()


def read_history(directories: Sequence[str], slices: Slices = (), class_name: str = "") -> History:
    """Reads the attributions of past runs, or of one model trained several times.

    A model counts once, by its fingerprint or else by the same attributions, where it was explained first. A baseline
    model counts where its fingerprint is known and no directory has it as the candidate; or where there is one
    directory alone.

    Args:
      directories: What Explainers wrote; all splits count, as they do in a gate.
      slices: See `Sums`.
      class_name: The class; empty: the first one of each record.

    Raises:
      ValueError: A directory has no attributions, or is damaged.
    """
    candidates: list[Run] = []
    baselines: list[Run] = []
    comparisons: list[Comparison] = []
    for number, directory in enumerate(directories):
        summary = read_summary(directory)
        try:
            sums = _sums_of(directory, summary, Sums(slices, class_name, seed=number))
        except ValueError as error:
            raise ValueError(f"The attributions {directory} can't be used: {str(error).rstrip('.')}.") from error
        models, explained = _said(summary)
        for role, found in ((CANDIDATE, candidates), (BASELINE, baselines)):
            name = directory if role == CANDIDATE else f"{directory} (baseline model)"
            run = sums.run(role, name, models.get(role, ""), explained)
            found += [run] if run else []
        if len(candidates) <= number:
            asked = f" of the class {class_name!r}" if class_name else ""
            raise ValueError(
                f"There are no attributions{asked} in {directory}: its records lack the columns "
                f"{attribution_column(CANDIDATE, '<feature>')} that an Explainer writes, or values in them."
            )
        comparison = sums.comparison(directory)
        comparisons += [comparison] if comparison else []
    counted = baselines if len(directories) == 1 else [run for run in baselines if run.model]
    runs = list(_each_once([*candidates, *counted]))
    again = [run.name for run in candidates if run not in runs]
    notes = [f"{name} is of a model that another directory is of, and was passed over." for name in again]
    return History(tuple(runs), tuple(comparisons), slices, class_name, tuple(notes))


def _sums_of(directory: str, summary: Mapping[str, Summary] | None, sums: Sums) -> Sums:
    for folder in split_folders(directory):
        files = record_files(folder)
        found = summarize_records(files)
        verify_rows(split_of(folder), found.rows, found.digest, summary)
        for path in files:
            for batch in read_batches(path):
                sums.add(batch)
    return sums


def _said(summary: Mapping[str, Summary] | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns what an Explainer says: the models' fingerprints by role, and the places and splits of the examples."""
    models: dict[str, str] = {}
    explained: list[str] = []
    for split, found in (summary or {}).items():
        models |= {role: one["fingerprint"] for role, one in found.provenance.get("models", {}).items()}
        explained += [f"{place} {split}" for place in found.provenance.get("examples", ())]
    return models, tuple(sorted(explained))


def _each_once(runs: Sequence[Run]) -> Iterator[Run]:
    seen: set[str | bytes] = set()
    for run in runs:
        marks = {run.shares[()].tobytes(), *([run.model] if run.model else [])}
        if seen.isdisjoint(marks):
            yield run
        seen |= marks
