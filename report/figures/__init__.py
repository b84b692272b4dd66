"""Figures for papers, slides and notebooks, by matplotlib and seaborn (`tfx-explain[figures]`).

Each takes what `read_attributions` gives and returns a figure, which a notebook shows as the last line of a cell, and
`figure.savefig("importance.pdf")` writes. Nothing is shown by itself; pyplot's figures, backend and settings stay as
they are.
"""

from tfx_explain.report.extras import needs

with needs("figures", "`tfx_explain.report.figures`"):
    from tfx_explain.report.figures.beeswarm import beeswarm
    from tfx_explain.report.figures.dependence import dependence
    from tfx_explain.report.figures.drift import drift
    from tfx_explain.report.figures.importance import importance
    from tfx_explain.report.figures.slices import slices
    from tfx_explain.report.figures.waterfall import waterfall

__all__ = ["beeswarm", "dependence", "drift", "importance", "slices", "waterfall"]
