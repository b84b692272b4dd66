"""How good maps of pictures are, for the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit

from tfx_explain.attribution import Attributions, curves
from tfx_explain.beam.explaining.method import Request
from tfx_explain.savedmodel.metadata.rules import LOG_ODDS


def areas_of_maps(
    request: Request, images: Mapping[str, str], targets: np.ndarray, found: Sequence[Attributions], quantity: str
) -> dict[str, np.ndarray]:
    """Measures maps by what the model says as their pixels appear and as they go (see `attribution.curves`).

    Args:
      request: The rows.
      images: The keys of the features that have maps.
      targets: int32 `[rows, outputs]`, the outputs explained.
      found: Of each output, the attributions.
      quantity: Which is explained; of log-odds the areas are those of probabilities, between 0 and 1.

    Returns:
      By feature, float64 `[rows, outputs, 2]`, the areas under the curves of insertion and of deletion.
    """
    areas = {}
    for feature in sorted(images.keys() & (found[0].regions or found[0].maps).keys()):
        by_output = []
        for target, one in zip(targets.T, found, strict=True):
            maps = one.regions[feature].heat if one.regions else one.maps[feature]
            of_output = curves(request.model, request.inputs, maps, key=images[feature], targets=target)
            if quantity == LOG_ODDS:
                of_output = of_output.changed(expit)
            by_output.append(np.stack([of_output.insertion_areas(), of_output.deletion_areas()], axis=1))
        areas[feature] = np.stack(by_output, axis=1)
    return areas
