"""Banzhaf values: Banzhaf, "Weighted Voting Doesn't Work", 1965; for models Wang, Jia, "Data Banzhaf", AISTATS 2023.

The attribution of a feature is the mean, over all coalitions of the others, of the output's change when it joins.
"""

from __future__ import annotations

from tfx_explain.attribution.coalitions.regression import RegressionMethod


class Banzhaf(RegressionMethod):
    """Banzhaf values: every coalition of the others counts the same, so that they do not add up to the output's change.

    Their order is less disturbed by noise in the outputs than that of Shapley values. The stated error is found as
    `KernelShap`'s.
    """

    index = "banzhaf"
