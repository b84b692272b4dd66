"""Reading attribution records: which of them can be read, and what the Explainer says of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping

from tfx_explain.gate.reading import explanations
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.gate.reading.provenance import claim_of_summary, way
from tfx_explain.gate.reading.shards import record_files
from tfx_explain.metrics import configs
from tfx_explain.metrics.evaluate import summarize_records
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import columns
from tfx_explain.storage.paths import resolved
from tfx_explain.storage.summary import SUMMARY_FILE, Summary


def readable_records(
    attributions: Mapping[str, str], policy: explanation_pb2.GatePolicy, evidence: Evidence
) -> dict[str, str]:
    """Returns the folders of splits that can be read, by a name for people.

    Notes in the evidence what the others suffer from, whether there is a baseline model, and whose the records are.
    """
    roots: dict[str, dict[str, str]] = {}
    for name, folder in attributions.items():
        roots.setdefault(os.path.dirname(folder.rstrip("/")), {})[name] = folder
    summaries = {}
    readable = {}
    for root, folders in roots.items():
        summaries[root] = read_summary(f"the attributions {root}", "are", root, policy, evidence)
        evidence.told += _silent(root, summaries[root])
        evidence.unreadable += _lost_splits(root, folders, summaries[root])
        for name, folder in folders.items():
            if _is_readable(name, folder, summaries[root], evidence):
                readable[name] = folder
    evidence.unreadable += _twice(attributions, summaries)
    evidence.problems += _different_ways(summaries)
    return readable


def read_summary(
    place: str, verb: str, directory: str, policy: explanation_pb2.GatePolicy, evidence: Evidence
) -> Mapping[str, Summary] | None:
    """Returns what an Explainer says of its records, if it does, and notes what that forbids and whose they are."""
    try:
        summary = explanations.read_summary(directory)
    except ValueError as error:
        evidence.unreadable.append(f"There is damage in {place}: {error}.")
        return None
    evidence.problems += explanations.summary_problems(place, summary or {}, policy)
    for found in (summary or {}).values():
        claim = claim_of_summary(f"{place[:1].upper()}{place[1:]}", verb, found.provenance)
        evidence.claims += [claim] if claim and claim not in evidence.claims else []
    return summary


def _is_readable(name: str, folder: str, summary: Mapping[str, Summary] | None, evidence: Evidence) -> bool:
    try:
        found = summarize_records(record_files(folder))
        explanations.verify_rows(explanations.split_of(folder), found.rows, found.digest, summary)
    except ValueError as error:
        evidence.unreadable.append(f"There is damage in {name}. {error}.")
        return False
    if not found.rows:
        evidence.unreadable.append(f"There are no records in {name} ({folder}).")
        return False
    if not found.features(columns.CANDIDATE):
        evidence.unreadable.append(
            f"There are no attributions in the records of {name}: they lack the columns "
            f"{columns.attribution_column(columns.CANDIDATE, '<feature>')} that an Explainer writes."
        )
        return False
    evidence.has_baseline |= found.has_baseline
    evidence.records[folder] = found.digest
    evidence.eval_config = configs.with_features(evidence.eval_config, found.features(columns.CANDIDATE))
    return True


def _silent(root: str, summary: Mapping[str, Summary] | None) -> Iterator[str]:
    """Yields a sentence where nothing says of which models records are."""
    if not any(found.provenance for found in (summary or {}).values()):
        why = f"there is no {SUMMARY_FILE} beside them"
        if summary is not None:
            why = f"their {SUMMARY_FILE}, of an earlier version, doesn't say"
        yield f"The attributions {root} may be of any model, which can't be told: {why}."


def _lost_splits(root: str, folders: Mapping[str, str], summary: Mapping[str, Summary] | None) -> Iterator[str]:
    """Yields sentences about splits that the Explainer wrote and that aren't among those to read."""
    given = set(map(explanations.split_of, folders.values()))
    for split in sorted((summary or {}).keys() - given):
        if not given.isdisjoint(summary or {}):
            yield (
                f"There is damage in the attributions {root}: the Explainer wrote a split {split!r} "
                f"({SUMMARY_FILE}), which is missing."
            )


def _twice(attributions: Mapping[str, str], summaries: Mapping[str, Mapping[str, Summary] | None]) -> Iterator[str]:
    """Yields sentences about records that are there twice, and would count twice."""
    for (one, first), (other, second) in itertools.combinations(attributions.items(), 2):
        if resolved(first) == resolved(second):
            yield f"The same records are given twice, as {one} and as {other}; give them once."
    splits = [
        (root, split, mark)
        for root, summary in summaries.items()
        for split, found in (summary or {}).items()
        for mark in _marks(split, found)
    ]
    for (one, split, first), (other, _, second) in itertools.combinations(splits, 2):
        if one != other and first == second:
            yield f"The attributions in {one} and in {other} are of the same rows, split {split!r}; give them once."
            return


def _marks(split: str, found: Summary) -> Iterator[tuple[object, ...]]:
    """Yields what splits of the same rows have in common: their records, or model, examples and name."""
    if found.records_digest:
        yield (found.records_digest,)
    if found.provenance.get("examples"):
        model = found.provenance.get("models", {}).get(columns.CANDIDATE, {}).get("fingerprint")
        yield split, model, tuple(found.provenance["examples"])


def _different_ways(summaries: Mapping[str, Mapping[str, Summary] | None]) -> Iterator[str]:
    """Yields sentences about attributions that are in different units, or of different features, from others."""
    ways = {
        root: way(found.provenance)
        for root, summary in summaries.items()
        for found in (summary or {}).values()
        if found.provenance
    }
    for (one, first), (other, second) in itertools.pairwise(ways.items()):
        for name in (name for name in first if first[name] != second[name]):
            yield (
                f"The attributions in {one} and in {other} were made with different {name}, so that they don't add up; "
                "give the gate those of one way."
            )
