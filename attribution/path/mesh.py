"""Meshes on paths, one per row.

Rows come last: what is done from point to point, or summed over points or features, is one long operation over all
rows, and adds each row's numbers in their order, however many rows there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# How near, where squares don't vanish yet, and how much nearer than others points are, to tell by which power slopes
# grow; by which factor they then shrink at most, times their distances, if they have no integral; and what share of the
# largest counts. Of an end without a point so near nothing is said: the first mesh has none, and where slopes have no
# integral others follow.
_NEAREST, _NEAR = 2.0**-10, 2.0**-7
_FARTHER = 8.0
_VANISHING = 0.8
_LEAST_SHARE = 0.01
# Features of single precision added one after the other; more lose digits.
_ADDED = 64


class Mesh(NamedTuple):
    """Meshes of equally many points, of one or more rows, in the order of the path."""

    known: np.ndarray  # [3 + features, points, rows], of one dtype: alphas, outputs, rises and slopes

    @classmethod
    def of(cls, alphas: np.ndarray, outputs: np.ndarray, slopes: np.ndarray) -> Mesh:
        """Makes meshes of what is known at their points, `[rows, points]` and `[rows, points, features]`."""
        slopes = slopes.T
        known = np.empty((3 + len(slopes), *slopes.shape[1:]), slopes.dtype)
        known[0], known[1], known[3:] = alphas.T, outputs.T, slopes
        known[2] = _over_features(known[3:])
        return cls(known)

    @property
    def alphas(self) -> np.ndarray:
        """Where the points are, `[points, rows]`."""
        return self.known[0]

    @property
    def outputs(self) -> np.ndarray:
        """`[points, rows]`."""
        return self.known[1]

    @property
    def rises(self) -> np.ndarray:
        """The sum of the slopes over features, the output's own derivative, `[points, rows]`."""
        return self.known[2]

    @property
    def slopes(self) -> np.ndarray:
        """`[features, points, rows]`."""
        return self.known[3:]

    @property
    def size(self) -> int:
        """Number of points of each row."""
        return self.known.shape[1]

    def keep(self, rows: np.ndarray) -> Mesh:
        """Returns the meshes of some rows, int `[kept]`."""
        return Mesh(np.take(self.known, rows, axis=2))

    def grows_towards(self, last: bool) -> np.ndarray:
        """Tells, bool `[rows, features]`, which slopes have no integral up to the first point, or up to the last.

        An integrand that has one vanishes there, times the distance from there.
        """
        order, alphas = slice(None, None, -1 if last else 1), self.alphas.T
        distances, slopes = np.abs(alphas - alphas[:, [-1 if last else 0]])[:, order], self.slopes.T[:, order]
        near = ((distances > _NEAREST) & (np.abs(slopes).sum(axis=2) > 0)).argmax(axis=1)[:, None]
        far = (distances > _FARTHER * np.take_along_axis(distances, near, axis=1)).argmax(axis=1)[:, None]
        sizes = np.abs(slopes * distances[:, :, None])
        nearest, farthest = (np.take_along_axis(distances, point, axis=1) for point in (near, far))
        # Up to there, since a slope that changes its sign vanishes at the farther point, too.
        between = (distances >= nearest) & (distances <= farthest)
        farther = np.where(between[:, :, None], sizes, 0).max(axis=1)
        nearer = np.take_along_axis(sizes, near[:, :, None], axis=1)[:, 0]
        return (nearest < _NEAR) & (nearer > _VANISHING * np.maximum(farther, sizes.max(axis=1) * _LEAST_SHARE))

    def refined(self, places: np.ndarray, new: Mesh) -> Mesh:
        """Returns the mesh of rows with new points, at the places that `Quadrature.new_points` returns."""
        both = np.concatenate([mesh.known.reshape(len(mesh.known), -1) for mesh in (self, new)], axis=1)
        # Places that were not checked are taken at once, not by way of a buffer.
        known = np.take(both, places.ravel(), axis=1, mode="clip")
        return Mesh(known.reshape(len(both), *places.shape))


def _over_features(slopes: np.ndarray) -> np.ndarray:
    """Sums `[features, points, rows]` over features."""
    parts = [slopes[first : first + _ADDED].sum(axis=0) for first in range(0, len(slopes), _ADDED)]
    return parts[0] if len(parts) == 1 else _over_features(np.stack(parts))
