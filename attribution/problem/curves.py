"""How good a map of a picture is: Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box
Models", BMVC 2018.

A map is good if few of its first pixels are enough for the output, and if the output goes as soon as they go. The model
alone says so; it needs no gradients.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import call_size, extended, near_equal_slices
from tfx_explain.attribution.model.functions import ONLY_KEY
from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.problem.blur import Blurred
from tfx_explain.attribution.problem.problem import Problem, as_tensors, prepare

# [rows, height, width] and [rows, height, width, channels].
_RANKS = (3, 4)
# The standard deviation of the usual fill's blur, as a part of the picture's shorter side. Of digits blurred by a tenth
# a network was still sure, by a half it knew nothing.
_BLUR = 0.5


@dataclasses.dataclass(frozen=True)
class Curves:
    """A model's outputs as pixels appear, and as they go, those of the greatest attributions first.

    Attributes:
        shares: float64 `[points]` of the picture's pixels, from 0 to 1.
        insertion: float64 `[rows, points]`, outputs where so many pixels are there, and all others are the fill; NaN of
            a row whose picture or map is not finite.
        deletion: of the same shape, outputs where so many pixels are the fill, and all others are there.
    """

    shares: np.ndarray
    insertion: np.ndarray
    deletion: np.ndarray

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Curves:
        """Returns the curves of what a function makes of each output, as a sigmoid does of log-odds."""
        return Curves(self.shares, change(self.insertion), change(self.deletion))

    def insertion_areas(self) -> np.ndarray:
        """Returns float64 `[rows]`, the means of the outputs over the share: the greater the better is the map."""
        return _areas(self.shares, self.insertion)

    def deletion_areas(self) -> np.ndarray:
        """Returns float64 `[rows]`, the same of deletion: the less the better is the map."""
        return _areas(self.shares, self.deletion)


def curves(
    model: Model | Callable[..., tf.Tensor],
    inputs: Tensors | Any,
    maps: np.ndarray,
    *,
    key: str = ONLY_KEY,
    fill: Any = None,
    targets: Any = None,
    steps: int = 50,
    batch_size: int = 16384,
) -> Curves:
    """Changes pictures pixel by pixel, in the order of their maps, and asks the model each time.

    Pixels of equal attributions follow each other row by row.

    Args:
        model: a model, or a TensorFlow function, as `Method.attribute` takes it. Areas are comparable between pictures
            where outputs are, as probabilities; areas of log-odds are ruled by how sure the model is.
        inputs: `[rows, ...]` tensors by key, or one tensor.
        maps: float `[rows, height, width]`, the attributions of the pixels, such as `Regions.heat`.
        key: of the pictures among the inputs, floats `[rows, height, width]` or `[rows, height, width, channels]`.
        fill: what stands for pixels that are not there, as one baseline. None: the picture blurred by half of its
            shorter side. The authors insert into a blurred picture, and delete to black, 0.
        targets: int32 `[rows]` class, or one for all.
        steps: into how many parts pixels are divided, at least 1; fewer where a picture has fewer pixels.
        batch_size: most rows in one call of the model; fewer where a tensor of a row takes more than 256 bytes.

    Returns:
        The curves, by twice as many calls a row as there are points.

    Raises:
        ValueError: if there are no such pictures, or no map for each, several fills, or a setting is out of range.
    """
    if steps < 1 or batch_size < 1:
        raise ValueError(f"steps is {steps} and batch_size {batch_size}; give at least 1.")
    problem = _problem(model, inputs, key, fill, targets)
    images = problem.inputs[key]
    if images.shape.rank not in _RANKS or tuple(maps.shape) != tuple(images.shape[:3]):
        raise ValueError(
            f"maps are {maps.shape} and {key!r} is {tuple(images.shape)}; give pictures [rows, height, width] or "
            "[rows, height, width, channels], and of each a map [height, width]."
        )
    pixels = int(np.prod(maps.shape[1:]))
    counts = np.unique(np.rint(np.linspace(0, pixels, steps + 1)).astype(np.int64))
    sound = np.intersect1d(problem.sound_rows(), np.flatnonzero(np.isfinite(maps).all(axis=(1, 2))))
    found = np.full((2, problem.rows, len(counts)), np.nan)
    found[:, sound] = _Pictures(problem, key, sound, _places(maps[sound]), batch_size).outputs(counts)
    return Curves(counts / pixels, *found)


def _problem(model: Any, inputs: Any, key: str, fill: Any, targets: Any) -> Problem:
    tensors = as_tensors(inputs)
    if key not in tensors:
        raise ValueError(f"key is {key!r}; the inputs are {sorted(tensors)}.")
    if fill is None:
        fill = Blurred(_BLUR * min([size or 0 for size in tensors[key].shape[1:3]], default=0))
    problem = prepare(model, tensors, {key: fill}, {key: (key,)}, targets)
    if problem.num_baselines > 1:
        raise ValueError(f"fill is {problem.num_baselines} baselines; give one.")
    return problem


def _places(maps: np.ndarray) -> np.ndarray:
    """Returns int32 `[rows, height, width]`, the pixel's place in the order, from 0."""
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    order, places = np.argsort(-flat, axis=1, kind="stable"), np.empty(flat.shape, np.int32)
    np.put_along_axis(places, order, np.arange(flat.shape[1], dtype=np.int32)[None], axis=1)
    return places.reshape(maps.shape)


@dataclasses.dataclass(frozen=True)
class _Pictures:
    """Pictures of some rows, int `[pictures]`, and the places of their pixels, int32 `[pictures, height, width]`."""

    problem: Problem
    key: str
    rows: np.ndarray
    places: np.ndarray
    batch_size: int

    def outputs(self, counts: np.ndarray) -> np.ndarray:
        """Returns float64 `[2, pictures, counts]`: outputs of so many inserted pixels, and of so many deleted ones."""
        # Of each call's pictures: whether pixels are inserted, of which picture, and how many.
        asked = [one.ravel() for one in np.meshgrid([True, False], np.arange(len(self.rows)), counts, indexing="ij")]
        outputs, most = np.empty(len(asked[0])), self.problem.batch_rows(self.batch_size)
        for part in near_equal_slices(len(outputs), most):
            size = call_size(part.stop - part.start, most)
            outputs[part] = self._some(*(extended(one[part], size) for one in asked))[: part.stop - part.start]
        return outputs.reshape(2, len(self.rows), len(counts))

    def _some(self, inserted: np.ndarray, numbers: np.ndarray, counts: np.ndarray) -> np.ndarray:
        rows, problem = self.rows[numbers], self.problem
        inputs: dict[str, Any] = {key: tf.gather(tensor, rows) for key, tensor in problem.inputs.items()}
        fill, images = problem.absent(self.key, 0), inputs[self.key]
        there = (self.places[numbers] < counts[:, None, None]) == inserted[:, None, None]
        there = there.reshape(*there.shape, *[1] * (images.shape.rank - there.ndim))
        inputs[self.key] = tf.where(there, images, tf.gather(fill, rows) if self.key in problem.own else fill)
        predicted = problem.model.predict(inputs, tf.constant(problem.targets[rows]))
        return np.asarray(predicted, np.float64).reshape(-1)


def _areas(shares: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """By the trapezoid rule."""
    return (outputs[:, 1:] + outputs[:, :-1]) / 2 @ np.diff(shares)
