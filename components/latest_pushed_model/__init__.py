"""LatestPushedModel: the model in production as a baseline, without a Resolver."""

from tfx_explain.components.latest_pushed_model.component import LatestPushedModel

__all__ = ["LatestPushedModel"]
