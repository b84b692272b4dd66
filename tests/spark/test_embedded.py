"""On a Spark inside Beam's job server the Explainer gives what it gives on the DirectRunner, to the last byte."""

import pytest

from spark.job_server import POM, job_server
from tests.flink.test_embedded import METHODS
from tfx_explain.flink import jars

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with job_server(jars.fetch(POM), tmp_path_factory.mktemp("spark"), "local[2]") as address:
        yield address


@pytest.mark.parametrize("method", ["integrated_gradients", "sampled_shapley"])
def test_spark_gives_the_same_bytes(explain, direct_args, endpoint, method):
    spark_args = ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK"]

    expected = explain(direct_args, METHODS[method])
    found = explain(spark_args, METHODS[method])

    assert found.records == expected.records
    assert found.summary == expected.summary
