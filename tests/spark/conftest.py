"""The census model and its Explainer, as Flink's tests run them."""

from tests.flink.conftest import census, direct_args, explain

__all__ = ["census", "direct_args", "explain"]
