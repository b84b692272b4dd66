"""Of what attributions are: written beside them, so that a gate can tell whose evidence they are.

Each split's entry in `summary.json` has, under `provenance`:

| key | holds |
| --- | --- |
| `models` | by "candidate" and "baseline": `uri`, the SavedModel's folder, and `fingerprint`, of its content |
| `examples` | the folders of the files that were explained |
| `split` | the split's name |
| `metadata` | a digest of the candidate's explanation metadata |
| `parameters` | `ExplanationParameters` |
| `versions` | of tfx-explain, TensorFlow, Beam and Python |
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import tensorflow as tf
from google.protobuf import json_format

from tfx_explain import __version__
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.savedmodel import metadata_to_json
from tfx_explain.storage import columns
from tfx_explain.storage.fingerprint import model_fingerprint
from tfx_explain.storage.paths import absolute


def job_provenance(job: ExplanationJob) -> dict[str, Any]:
    """Returns what all splits of a job share: models, metadata, parameters, versions."""
    models = {columns.CANDIDATE: job.model_dir, columns.BASELINE: job.baseline_model_dir}
    metadata = metadata_to_json(job.metadata).encode()
    return {
        "models": {
            name: {"uri": absolute(folder), "fingerprint": model_fingerprint(folder)}
            for name, folder in models.items()
            if folder
        },
        "metadata": f"sha256:{hashlib.sha256(metadata).hexdigest()}",
        "parameters": json_format.MessageToDict(job.parameters, preserving_proto_field_name=True),
        "versions": {
            "tfx-explain": __version__,
            "tensorflow": tf.__version__,
            "apache-beam": beam.__version__,
            "python": platform.python_version(),
        },
    }


def split_provenance(split: str, files: Sequence[str]) -> dict[str, Any]:
    """Returns what is a split's own: its name, and where its examples lie."""
    return {"split": split, "examples": sorted({absolute(os.path.dirname(file)) for file in files})}
