"""Names of the columns that the Explainer adds to each record.

An attribution record is a `tf.Example`: the original features, and for each explained model (`CANDIDATE`, and
`BASELINE` where there is one) the columns below. `{feature}` is the last part and may contain anything, slashes too.

| column | kind | holds |
| --- | --- | --- |
| `tfx_explain/{model}/attributions/{feature}` | float, one value | the feature's share of the output's change |
| `tfx_explain/{model}/baseline_output_value` | float, one value | the output at the baseline |
| `tfx_explain/{model}/instance_output_value` | float, one value | the output at the record |
| `tfx_explain/{model}/approximation_error` | float, one value | stated error of any feature's attribution |
| `tfx_explain/{model}/output_index` | int64, one value | the class explained |
| `tfx_explain/{model}/tolerance_met` | int64, one value | 1 if the error is within the tolerance, else 0 |
| `tfx_explain/{model}/output_display_name` | bytes, one value | the class's name, where it has one |
| `tfx_explain/{model}/explained_quantity` | bytes, one value | of the class: `log_odds`, `logits` or `served` |
| `tfx_explain/{model}/maps/{feature}` | bytes, one value | of an image: float16, little-endian, by pixel, row by row |
| `tfx_explain/{model}/map_scales/{feature}` | float, one value | what a map's numbers are to be multiplied by |
| `tfx_explain/{model}/map_shapes/{feature}` | int64, two values | height and width of a map |
| `tfx_explain/{model}/map_regions/{feature}` | bytes, one value | uint16, as a map: the pixel's region, 1 the first |
| `tfx_explain/{model}/insertion_areas/{feature}` | float, one value | mean output as the map's pixels appear |
| `tfx_explain/{model}/deletion_areas/{feature}` | float, one value | mean output as the map's pixels go |
| `tfx_explain/{model}/tokens/{feature}` | bytes, one a token | of a text or list: the tokens as the model reads them |
| `tfx_explain/{model}/token_attributions/{feature}` | float, a value a token | each token's share of the feature's |
| `tfx_explain/{model}/token_rest/{feature}` | float, one value | what is the feature's and no token's |
| `tfx_explain/{model}/token_begin/{feature}` | int64, a value a token | byte of the text at which the token begins |
| `tfx_explain/{model}/token_end/{feature}` | int64, a value a token | byte after the token's last |

Where several classes are explained, columns hold a value for each, in the order of `output_index`, but for
`explained_quantity` and `map_shapes`. Maps are there where they were asked for, and regions where the method makes any;
then the map is the regions' heat. So are areas, of probabilities where log-odds are explained, and tokens:
`token_attributions` has all tokens of the first class, then all of the second, and `token_rest` a value a class; a
row's tokens and rest add up to the feature's attribution but for rounding. `token_begin` and `token_end` are there
where the places of all of a row's tokens are known.
"""

from __future__ import annotations

from collections.abc import Iterable

PREFIX = "tfx_explain/"
CANDIDATE = "candidate"
BASELINE = "baseline"
MODELS = (CANDIDATE, BASELINE)

BASELINE_OUTPUT_VALUE = "baseline_output_value"
INSTANCE_OUTPUT_VALUE = "instance_output_value"
APPROXIMATION_ERROR = "approximation_error"
OUTPUT_INDEX = "output_index"
TOLERANCE_MET = "tolerance_met"
FIELDS = (BASELINE_OUTPUT_VALUE, INSTANCE_OUTPUT_VALUE, APPROXIMATION_ERROR, OUTPUT_INDEX, TOLERANCE_MET)
OUTPUT_DISPLAY_NAME = "output_display_name"
EXPLAINED_QUANTITY = "explained_quantity"
TEXTS = (OUTPUT_DISPLAY_NAME, EXPLAINED_QUANTITY)

MAPS, MAP_SCALES, MAP_SHAPES, MAP_REGIONS = PARTS_OF_MAPS = ("maps", "map_scales", "map_shapes", "map_regions")
INSERTION_AREAS, DELETION_AREAS = AREAS_OF_MAPS = ("insertion_areas", "deletion_areas")

TOKENS, TOKEN_ATTRIBUTIONS, TOKEN_REST, TOKEN_BEGIN, TOKEN_END = PARTS_OF_TOKENS = (
    "tokens",
    "token_attributions",
    "token_rest",
    "token_begin",
    "token_end",
)

_ATTRIBUTIONS = "attributions/"


def attribution_column(model: str, feature: str) -> str:
    """Returns the column of a feature's attribution in a model's output.

    Args:
      model: `CANDIDATE` or `BASELINE`.
      feature: The feature's name, as in the explanation metadata.
    """
    return f"{_model_prefix(model)}{_ATTRIBUTIONS}{feature}"


def field_column(model: str, field: str) -> str:
    """Returns the column of one of `FIELDS` or `TEXTS`.

    Args:
      model: `CANDIDATE` or `BASELINE`.
      field: One of `FIELDS` or `TEXTS`.
    """
    if field not in (*FIELDS, *TEXTS):
        known = ", ".join((*FIELDS, *TEXTS))
        raise ValueError(f"Unknown field {field!r} of an attribution record; the fields are {known}.")
    return f"{_model_prefix(model)}{field}"


def map_column(model: str, part: str, feature: str) -> str:
    """Returns the column of a part of an image feature's map, or of an area that says how good it is.

    Args:
      model: `CANDIDATE` or `BASELINE`.
      part: One of `PARTS_OF_MAPS` or `AREAS_OF_MAPS`.
      feature: The feature's name, as in the explanation metadata.
    """
    if part not in (*PARTS_OF_MAPS, *AREAS_OF_MAPS):
        known = ", ".join((*PARTS_OF_MAPS, *AREAS_OF_MAPS))
        raise ValueError(f"Unknown part {part!r} of a map; the parts are {known}.")
    return f"{_model_prefix(model)}{part}/{feature}"


def mapped_features(columns: Iterable[str], model: str) -> tuple[str, ...]:
    """Returns the features that have a map of `model`, sorted by name."""
    prefix = f"{_model_prefix(model)}{MAPS}/"
    return tuple(sorted(column[len(prefix) :] for column in columns if column.startswith(prefix)))


def token_column(model: str, part: str, feature: str) -> str:
    """Returns the column of a part of what is known of a feature's tokens.

    Args:
      model: `CANDIDATE` or `BASELINE`.
      part: One of `PARTS_OF_TOKENS`.
      feature: The feature's name, as in the explanation metadata.
    """
    if part not in PARTS_OF_TOKENS:
        raise ValueError(f"Unknown part {part!r} of tokens; the parts are {', '.join(PARTS_OF_TOKENS)}.")
    return f"{_model_prefix(model)}{part}/{feature}"


def tokenized_features(columns: Iterable[str], model: str) -> tuple[str, ...]:
    """Returns the features that have attributions of tokens of `model`, sorted by name; their rest is in every row."""
    prefix = f"{_model_prefix(model)}{TOKEN_REST}/"
    return tuple(sorted(column[len(prefix) :] for column in columns if column.startswith(prefix)))


def is_explanation_column(column: str) -> bool:
    """Tells the columns that an Explainer adds from the original features."""
    return column.startswith(PREFIX)


def attribution_feature(column: str, model: str) -> str | None:
    """Returns the feature whose attribution in `model` a column holds; None for every other column."""
    prefix = _model_prefix(model) + _ATTRIBUTIONS
    return column[len(prefix) :] if column.startswith(prefix) else None


def attributed_features(columns: Iterable[str], model: str) -> tuple[str, ...]:
    """Returns the features that have an attribution column of `model`, sorted by name."""
    return tuple(sorted(f for c in columns if (f := attribution_feature(c, model)) is not None))


def _model_prefix(model: str) -> str:
    if model not in MODELS:
        raise ValueError(f"Unknown model {model!r} of an attribution record; the models are {' and '.join(MODELS)}.")
    return f"{PREFIX}{model}/"
