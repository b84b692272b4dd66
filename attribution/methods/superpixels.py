"""Superpixels as the players of coalition methods: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.parts import ROW, ModelOfParts, presence_key
from tfx_explain.attribution.coalitions.pictures import CutPictures
from tfx_explain.attribution.images.regions import Regions
from tfx_explain.attribution.images.remembered import Remembered
from tfx_explain.attribution.images.superpixels import SEGMENTATIONS, superpixels
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Part, Problem
from tfx_explain.attribution.problem.randomness import keys_of_rows, random_words
from tfx_explain.attribution.problem.result import Attributions

# What absent pixels look like, but for the request's own baselines.
_ABSENT = ("baseline", "mean", "noise")
_RANKS = (3, 4)


class Superpixels(Method):
    """Attributions of the superpixels of images, each of which is present, or absent, as a whole.

    `Attributions.regions` has the superpixels: their heat is their attribution by pixel, their order that of their
    attributions. An image's value is the sum of its superpixels'; other features are players as ever. Stated errors
    are those of superpixels and of other features. One object cuts a picture once, whatever models and targets it
    explains. Models need no gradients. Needs scikit-image
    (`tfx-explain[images]`).
    """

    def __init__(
        self,
        method: CoalitionMethod,
        *,
        segmentation: str = "slic",
        count: int = 50,
        absent: str = "baseline",
        images: Collection[str] | None = None,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses the players.

        Args:
            method: `Lime`, `KernelShap`, `SampledShapley`, `Banzhaf` or `Occlusion`, with its own budget and tolerance.
            segmentation: 'slic', or 'quickshift', which LIME's authors take.
            count: about how many superpixels SLIC makes of an image, at least 1.
            absent: what absent pixels are: the request's 'baseline' (0: black; `Blurred`), the 'mean' of their
                superpixel, which LIME's authors take, or 'noise', uniform between the image's least and greatest value.
            images: names of the features that are cut. None: each that is one float tensor `[rows, height, width]` or
                `[rows, height, width, channels]`.
            seed: of the noise; a row's own comes from the seed and its row key.
            batch_size: most rows in one call of the model; fewer where a tensor of a row takes more than 256 bytes.

        Raises:
            ValueError: if a setting is out of range.
        """
        if segmentation not in SEGMENTATIONS or absent not in _ABSENT or count < 1 or batch_size < 1:
            raise ValueError(
                f"segmentation is {segmentation!r} (one of {', '.join(SEGMENTATIONS)}), absent {absent!r} (one of "
                f"{', '.join(_ABSENT)}), count {count} and batch_size {batch_size} (at least 1); put each in its range."
            )
        if not isinstance(method, CoalitionMethod):
            raise ValueError(f"{type(method).__name__} plays no coalitions; give KernelShap, for example, or Lime.")
        self._method, self._absent, self._images = method, absent, images
        self._seed, self._batch_size = seed, batch_size
        self._cut = Remembered(functools.partial(superpixels, segmentation=segmentation, count=count))

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        keys, images, sound = keys_of_rows(problem.inputs, row_keys), self._images_of(problem), problem.sound_rows()
        labels = {key: self._labels(problem, key, sound) for key in images.values()}
        counts = np.stack([one.max(axis=(1, 2)) for one in labels.values()] or [np.zeros(len(sound))], axis=1)
        none = np.setdiff1d(np.arange(problem.rows), sound)
        order, found = [none], [_no_attributions(problem, images, none)]
        # Rows whose pictures have equally many superpixels are explained together.
        for sizes in np.unique(counts, axis=0):
            alike = np.flatnonzero((counts == sizes).all(axis=1))
            cut = {key: one[alike] for key, one in labels.items()}
            order.append(sound[alike])
            found.append(self._explain_alike(problem, images, cut, sound[alike], keys[sound[alike]]))
        return Attributions.joined(found).take(np.argsort(np.concatenate(order)))

    def _images_of(self, problem: Problem) -> dict[str, str]:
        """Returns the keys of the features that are cut, by feature."""
        fit = {
            feature: key
            for feature, key in problem.whole_tensors().items()
            if problem.inputs[key].shape.rank in _RANKS and problem.inputs[key].dtype.is_floating
        }
        unfit = sorted(set(self._images or ()) - set(fit))
        if unfit:
            raise ValueError(f"images names {unfit}; features that are one image tensor each are {sorted(fit)}.")
        return fit if self._images is None else {feature: fit[feature] for feature in self._images}

    def _labels(self, problem: Problem, key: str, rows: np.ndarray) -> np.ndarray:
        """Cuts the images of some rows; int32 `[rows, height, width]`."""
        images = problem.inputs[key].numpy()
        found = [self._cut(images[row]) for row in rows]
        return np.array(found, np.int32).reshape(-1, *images.shape[1:3])

    def _explain_alike(
        self,
        problem: Problem,
        images: Mapping[str, str],
        labels: Mapping[str, np.ndarray],
        rows: np.ndarray,
        keys: np.ndarray,
    ) -> Attributions:
        pictures = {key: self._pictures(problem, key, one, rows, keys) for key, one in labels.items()}
        model = ModelOfParts(problem.model, pictures, problem.batch_rows(self._batch_size))
        baselines_of = -np.arange(problem.num_baselines, dtype=np.float32)[:, None]
        inputs: dict[str, Any] = {
            key: tf.gather(tensor, rows) for key, tensor in problem.inputs.items() if key not in labels
        } | {ROW: tf.range(len(rows))}
        baselines = {key: _as_many(problem, key) for key in problem.owners if key not in labels}
        players: dict[str, list[Part]] = {}
        for feature, parts in problem.parts().items():
            key = images.get(feature)
            if key is None:
                players[feature] = parts
                continue
            inputs[presence_key(key)] = pictures[key].presence()
            baselines[presence_key(key)] = np.broadcast_to(baselines_of, (len(baselines_of), pictures[key].parts))
            players |= {f"{feature}[{part}]": [(presence_key(key), part)] for part in range(pictures[key].parts)}
        found = self._method.attribute(model, inputs, baselines, players, problem.targets[rows], keys)
        return _by_feature(found, problem.features, images, labels)

    def _pictures(
        self, problem: Problem, key: str, labels: np.ndarray, rows: np.ndarray, keys: np.ndarray
    ) -> CutPictures:
        images = tf.gather(problem.inputs[key], rows)
        if self._absent == "baseline":
            absent = [problem.absent(key, number) for number in range(problem.num_baselines)]
            if key in problem.own:
                absent = [tf.gather(one, rows) for one in absent]
            return CutPictures(images, labels, [tf.broadcast_to(one, images.shape) for one in absent])
        make = _means if self._absent == "mean" else functools.partial(_noise, seed=self._seed, keys=keys)
        return CutPictures(images, labels, [tf.constant(make(images.numpy(), labels))] * problem.num_baselines)


def _as_many(problem: Problem, key: str) -> Any:
    """Returns a tensor's baselines, as many as there are of others."""
    if key in problem.own:
        return problem.given[key]
    given = problem.baselines[key]
    return tf.repeat(given, problem.num_baselines // int(given.shape[0]), axis=0)


def _means(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gives each superpixel of `[rows, height, width, ...]` its mean colour."""
    means, parts = np.empty_like(images), int(labels.max(initial=0)) + 1
    # Of all rows at once, as if superpixels of different rows had different labels.
    places = (labels + parts * np.arange(len(labels))[:, None, None]).ravel()
    sizes = np.maximum(np.bincount(places), 1)
    for channel in np.ndindex(images.shape[3:]):
        colours = images[(..., *channel)]
        means[(..., *channel)] = (np.bincount(places, colours.ravel()) / sizes)[places].reshape(labels.shape)
    return means


def _noise(images: np.ndarray, labels: np.ndarray, *, seed: int, keys: np.ndarray) -> np.ndarray:
    """Draws uniform noise between the least and the greatest value of each of `[rows, height, width, ...]`."""
    words = random_words(seed, keys, np.zeros(1, np.int64), int(np.prod(images.shape[1:]))) / 2.0**64
    axes = tuple(range(1, images.ndim))
    least, most = (reduce(axis=axes, keepdims=True) for reduce in (images.min, images.max))
    return (least + words.reshape(images.shape) * (most - least)).astype(images.dtype)


def _no_attributions(problem: Problem, images: Mapping[str, str], rows: np.ndarray) -> Attributions:
    """Returns what is said of rows that can't be explained, int `[rows]`."""
    numbers = np.full(len(rows), np.nan)
    values = np.full((len(rows), len(problem.features)), np.nan)
    shapes = {feature: (len(rows), *problem.inputs[key].shape[1:3]) for feature, key in images.items()}
    return Attributions(
        features=problem.features,
        values=values,
        baseline_outputs=numbers,
        instance_outputs=numbers,
        approximation_errors=numbers,
        standard_errors=values,
        evaluations=np.zeros(len(rows), np.int64),
        converged=np.zeros(len(rows), bool),
        failures=tuple(problem.failures[row] for row in rows),
        regions={name: Regions(np.full(shape, np.nan), np.zeros(shape, np.int32)) for name, shape in shapes.items()},
    )


def _by_feature(
    found: Attributions, features: Sequence[str], images: Mapping[str, str], labels: Mapping[str, np.ndarray]
) -> Attributions:
    """Adds up what was found of superpixels, and makes regions of it."""
    assert found.standard_errors is not None
    values, squares = np.empty((2, len(found.values), len(features)))
    regions, first = {}, 0
    for number, feature in enumerate(features):
        one = labels.get(images.get(feature, ""))
        columns = slice(first, first + (1 if one is None else int(one.max(initial=0)) + 1))
        first = columns.stop
        of_parts = found.values[:, columns]
        values[:, number] = of_parts.sum(axis=1)
        squares[:, number] = (found.standard_errors[:, columns] ** 2).sum(axis=1)
        if one is not None:
            regions[feature] = _regions(of_parts, one)
    return dataclasses.replace(
        found, features=tuple(features), values=values, standard_errors=np.sqrt(squares), regions=regions
    )


def _regions(values: np.ndarray, labels: np.ndarray) -> Regions:
    """Makes regions of superpixels with attributions `[rows, parts]`; none of a row without attributions."""
    sizes = np.stack([np.bincount(one.ravel(), minlength=values.shape[1]) for one in labels])
    ranks = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1).astype(np.int32) + 1
    ranks[np.isnan(values).any(axis=1)] = 0
    places = labels.reshape(len(labels), -1)
    return Regions(*(np.take_along_axis(one, places, axis=1).reshape(labels.shape) for one in (values / sizes, ranks)))
