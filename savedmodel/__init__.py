"""Opening a SavedModel: its features' tensors, its encoded tensors, and the model cut open there."""

from tfx_explain.savedmodel.analysis.cut import CutModel
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.read import read_once
from tfx_explain.savedmodel.explainable.model import ExplainableModel, load_explainable
from tfx_explain.savedmodel.explainable.plans import ExplainedOutput
from tfx_explain.savedmodel.explainable.token_model import TokenModel
from tfx_explain.savedmodel.files import read_columns, read_examples, read_metadata, read_schema, read_statistics
from tfx_explain.savedmodel.generation.columns import ColumnNames
from tfx_explain.savedmodel.generation.generate import generate_metadata
from tfx_explain.savedmodel.generation.overrides import check_overrides, merge_metadata
from tfx_explain.savedmodel.graph.errors import NotDifferentiableError
from tfx_explain.savedmodel.metadata.metadata import metadata_from_json, metadata_to_json
from tfx_explain.savedmodel.rows.baselines import parse_choices

__all__ = [
    "ColumnNames",
    "CutModel",
    "ExplainableModel",
    "ExplainedOutput",
    "Feature",
    "NotDifferentiableError",
    "TokenModel",
    "check_overrides",
    "generate_metadata",
    "load_explainable",
    "merge_metadata",
    "metadata_from_json",
    "metadata_to_json",
    "parse_choices",
    "read_columns",
    "read_examples",
    "read_metadata",
    "read_once",
    "read_schema",
    "read_statistics",
]
