"""The census data's columns, and what each becomes on the way into the model."""

from __future__ import annotations

LABEL = "over_50k"
"""int64, 1 where the person earns more than 50,000 dollars a year."""

NUMERIC = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
"""Enter the model as z-scores."""

BUCKETS = {"age": 8}
"""Enter the model a second time, as an embedded quantile bucket."""

CATEGORICAL = (
    "workclass",
    "education",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "native-country",
)
"""Enter the model as an embedded index into a vocabulary; a missing or unseen value is the index after the last."""

FEATURES = NUMERIC + CATEGORICAL


def bucket_name(feature: str) -> str:
    """Returns the name under which `feature`'s bucket leaves the transform graph."""
    return f"{feature}_bucket"
