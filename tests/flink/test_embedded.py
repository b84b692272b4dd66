"""On a Flink inside Beam's job server the Explainer gives what it gives on the DirectRunner, to the last byte."""

import pytest

from tfx_explain.flink.job_server import job_server
from tfx_explain.proto import explanation_pb2

pytestmark = [pytest.mark.flink, pytest.mark.slow]

METHODS = {
    "integrated_gradients": explanation_pb2.ExplanationParameters(),
    # Random, from a seed and the row.
    "sampled_shapley": explanation_pb2.ExplanationParameters(
        sampled_shapley_attribution=explanation_pb2.SampledShapleyAttribution(path_count=4), seed=7
    ),
}


@pytest.fixture(scope="module")
def endpoint(flink_jars, tmp_path_factory):
    with job_server(flink_jars, tmp_path_factory.mktemp("flink")) as address:
        yield address


@pytest.mark.parametrize(("method", "parallelism"), [("integrated_gradients", 2), ("sampled_shapley", 3)])
def test_flink_gives_the_same_bytes(explain, direct_args, endpoint, method, parallelism):
    flink_args = [
        "--runner=PortableRunner",
        f"--job_endpoint={endpoint}",
        "--environment_type=LOOPBACK",
        f"--parallelism={parallelism}",
    ]

    expected = explain(direct_args, METHODS[method])
    found = explain(flink_args, METHODS[method])

    assert found.records == expected.records
    assert found.summary == expected.summary
