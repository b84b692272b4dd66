"""The gate's evidence, for its component."""

from tests.gate.conftest import (
    bound,
    config,
    evaluation,
    metric,
    one_model_evaluation,
    one_model_records,
    one_model_rows,
    records,
    rows,
    stock,
    two_models,
    write_evaluation,
    write_split,
)

__all__ = [
    "bound",
    "config",
    "evaluation",
    "metric",
    "one_model_evaluation",
    "one_model_records",
    "one_model_rows",
    "records",
    "rows",
    "stock",
    "two_models",
    "write_evaluation",
    "write_split",
]
