"""The census model, trained on this machine, and its Explainer in a TFX pipeline with any Beam arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import tensorflow as tf
from tfx import v1 as tfx
from tfx.orchestration.pipeline import RunOptions
from tfx.types import standard_artifacts

from tfx_explain.components import Explainer
from tfx_explain.components.artifacts import ExplanationMetadata
from tfx_explain.flink import jars
from tfx_explain.pipelines.census import data
from tfx_explain.pipelines.census.pipeline import create_pipeline
from tfx_explain.proto import explanation_pb2

ROWS = 4000
SPLITS = ("train", "eval")
SHARD_ENDS = (0.1, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Explained:
    """What an Explainer wrote: the records of each split, sorted, and the counts without what a clock measured."""

    records: dict[str, list[bytes]]
    summary: dict[str, dict[str, object]]


Explain = Callable[..., Explained]


@pytest.fixture(scope="session")
def direct_args() -> list[str]:
    return ["--direct_running_mode=in_memory", "--direct_num_workers=1"]


@pytest.fixture(scope="session")
def flink_jars() -> Path:
    return jars.fetch()


@pytest.fixture(scope="session")
def census(tmp_path_factory) -> Path:
    """Runs the census pipeline as far as the Explainer's inputs, and returns its root."""
    folder = tmp_path_factory.mktemp("census")
    data.write_extract(data.monthly_extract(0, limit=ROWS), folder / "data")
    pipeline = create_pipeline(
        str(folder / "root"), str(folder / "data"), "", metadata_path=str(folder / "metadata.sqlite"), epochs=1
    )
    inputs = RunOptions(to_nodes=["MetadataGenerator"])
    tfx.orchestration.LocalDagRunner().run(pipeline, run_options=inputs)
    for split in SPLITS:
        (records,) = (folder / "root" / "CsvExampleGen" / "examples").glob(f"*/Split-{split}/*.gz")
        divide(records)
    return folder / "root"


def divide(records: Path) -> None:
    """Puts several shards, of different sizes, in a file's place, for several workers to read."""
    rows = list(tf.data.TFRecordDataset(str(records), "GZIP").as_numpy_iterator())
    records.unlink()
    for shard, end in enumerate(SHARD_ENDS):
        start = SHARD_ENDS[shard - 1] if shard else 0
        path = records.with_name(f"data_tfrecord-{shard:05d}-of-{len(SHARD_ENDS):05d}.gz")
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows[int(start * len(rows)) : int(end * len(rows))]:
                writer.write(row)


@pytest.fixture(scope="session")
def explain(census, tmp_path_factory) -> Explain:
    """Runs the Explainer in a TFX pipeline."""

    def run(beam_args: Sequence[str], parameters: explanation_pb2.ExplanationParameters | None = None) -> Explained:
        folder = tmp_path_factory.mktemp("explained")
        tfx.orchestration.LocalDagRunner().run(explainer_pipeline(census, folder, beam_args, parameters))
        return read_explained(folder)

    return run


def explainer_pipeline(
    census: Path,
    folder: Path,
    beam_args: Sequence[str],
    parameters: explanation_pb2.ExplanationParameters | None,
) -> tfx.dsl.Pipeline:
    """The Explainer, with Beam arguments of its own, on what a run of the census pipeline left."""
    properties = {"split_names": json.dumps(SPLITS)}
    examples = imported(census, "CsvExampleGen/examples", standard_artifacts.Examples, properties)
    model = imported(census, "Trainer/model", standard_artifacts.Model)
    metadata = imported(census, "MetadataGenerator/explanation_metadata", ExplanationMetadata)
    explainer = Explainer(
        model=model.outputs["result"],
        examples=examples.outputs["result"],
        explanation_metadata=metadata.outputs["result"],
        parameters=parameters,
        splits=SPLITS,
    ).with_beam_pipeline_args(list(beam_args))
    return tfx.dsl.Pipeline(
        pipeline_name="explain",
        pipeline_root=str(folder / "root"),
        components=[examples, model, metadata, explainer],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        ),
    )


def imported(census: Path, output: str, artifact_type, properties=None) -> tfx.dsl.Importer:
    (artifact,) = (census / output).iterdir()
    importer = tfx.dsl.Importer(source_uri=str(artifact), artifact_type=artifact_type, properties=properties)
    return importer.with_id(artifact_type.__name__)


def read_explained(folder: Path) -> Explained:
    (attributions,) = (folder / "root" / "Explainer" / "attributions").iterdir()
    records = {}
    for split in SPLITS:
        files = sorted(str(path) for path in (attributions / f"Split-{split}").iterdir())
        records[split] = sorted(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    summary = {
        split: {name: count for name, count in counts.items() if not name.endswith("_seconds")}
        for split, counts in json.loads((attributions / "summary.json").read_text()).items()
    }
    return Explained(records, summary)
