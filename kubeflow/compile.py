"""Compiles the census pipeline into a PipelineJob, the JSON file that Kubeflow Pipelines and Vertex AI run.

`python -m tfx_explain.kubeflow.compile --root URI --data URI --serving URI --image IMAGE [--output FILE]`
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfx_explain.pipelines import quiet

if TYPE_CHECKING:
    from tfx import v1 as tfx


def compile_pipeline(pipeline: tfx.dsl.Pipeline, image: str, gate: str) -> dict[str, Any]:
    """Returns `pipeline` as a PipelineJob (schema 2.1.0), ready to be written as JSON.

    Args:
      pipeline: A TFX pipeline with a root that every task reaches, and without a metadata connection of its own.
      image: The container image of every task; TFX and this package must be installed in it.
      gate: The id of the node whose blessings count for a Resolver, usually a ThresholdValidator.

    Raises:
      ImportError: The package that holds the PipelineJob's messages is not installed.
    """
    try:
        from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
    except ImportError as error:
        raise ImportError(
            "Compiling for Kubeflow needs the package kfp-pipeline-spec; install tfx-explain[kubeflow]."
        ) from error
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image=image, use_pipeline_spec_2_1=True)
    job = kubeflow_v2_dag_runner.KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    _count_blessings_of(gate, job)
    return job


def _count_blessings_of(gate: str, job: dict[str, Any]) -> None:
    """Narrows the job's queries for blessings to those of `gate`.

    TFX's compiler drops the `producer_component_id` of a Resolver's channel: with an Evaluator that blesses and a gate
    that does not, the rejected model would become the baseline model.
    """
    for executor in job["pipelineSpec"]["deploymentSpec"]["executors"].values():
        for query in executor.get("resolver", {}).get("outputArtifactQueries", {}).values():
            if query["filter"].startswith('schema_title="tfx.ModelBlessing"'):
                query["filter"] += f' AND metadata.component_id.string_value="{gate}"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Compiles the census pipeline; returns the exit status, 2 if it can't be compiled."""
    parser = argparse.ArgumentParser(description="Compiles the census pipeline into a PipelineJob.")
    parser.add_argument("--root", required=True, help="where the artifacts go, such as gs://bucket/census")
    parser.add_argument("--data", required=True, help="folder of CSV files")
    parser.add_argument("--serving", required=True, help="where a blessed model is pushed to")
    parser.add_argument("--image", required=True, help="container image with TFX and tfx-explain")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("census.json"), help="default: %(default)s")
    options = parser.parse_args(arguments)
    nowhere = pathlib.Path(os.devnull)
    quiet.before_import(nowhere)
    try:
        with quiet.stderr_to(nowhere):
            from tfx_explain.pipelines.census.pipeline import create_pipeline

            census = create_pipeline(options.root, options.data, options.serving)
            job = compile_pipeline(census, options.image, gate="ThresholdValidator")
    except ImportError as error:
        print(error, file=sys.stderr)
        return 2
    options.output.write_text(json.dumps(job, indent=2, sort_keys=True), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
