"""The census pipeline as a DAG of Airflow's: a file to copy to the DAGs folder (docs/airflow.md).

Everything lies below CENSUS_HOME, which every worker must reach: `data/` with the CSV files, `artifacts/`, `serving/`,
and ML Metadata's SQLite file, in whose place a MySQL server serves several workers.
"""

from __future__ import annotations

import datetime
import os

from tfx.orchestration.airflow.airflow_dag_runner import AirflowDagRunner, AirflowPipelineConfig

from tfx_explain.components.driver import repeatable
from tfx_explain.pipelines.census.pipeline import create_pipeline

HOME = os.environ.get("CENSUS_HOME", os.path.expanduser("~/census"))

SETTINGS = {
    "schedule": None,  # such as "@monthly"
    "start_date": datetime.datetime(2026, 1, 1),
    # A schedule's past: there is one folder of data, and it is of today.
    "catchup": False,
    # The baseline is what the run before pushed.
    "max_active_runs": 1,
    "default_args": {
        # Bad luck, such as a worker that is gone; a model that the gate does not bless is no failure.
        "retries": 2,
        "retry_delay": datetime.timedelta(minutes=1),
    },
}

CENSUS = create_pipeline(
    root=os.path.join(HOME, "artifacts"),
    data_dir=os.path.join(HOME, "data"),
    serving_dir=os.path.join(HOME, "serving"),
    metadata_path=os.path.join(HOME, "metadata.sqlite"),
)

# TFX's own components end a second attempt with an error, or hand their rows on twice, unless they are made repeatable.
DAG = AirflowDagRunner(AirflowPipelineConfig(airflow_dag_config=SETTINGS)).run(repeatable(CENSUS))
