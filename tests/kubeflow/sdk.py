"""What Kubeflow Pipelines' own SDK reads of a compiled pipeline; runs in the environment of requirements/kfp.txt.

`python sdk.py FILE` prints the inputs and the Kubernetes settings as JSON.
"""

import json
import sys

import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

path = sys.argv[1]
with open(path) as file:
    documents = list(yaml.safe_load_all(file)) if path.endswith(".yaml") else [json.load(file)]
configs = {}
if path.endswith(".yaml"):
    component = components.load_component_from_file(path)
    inputs = {name: [each.type, each.default] for name, each in (component.component_spec.inputs or {}).items()}
    for document in documents[1:]:
        json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
        for label, given in document["platforms"]["kubernetes"]["deploymentSpec"]["executors"].items():
            config = json_format.ParseDict(given, kubernetes.KubernetesExecutorConfig())
            configs[label] = [each.mount_path for each in config.pvc_mount] + [
                f"{pair.env_var}={each.secret_name}/{pair.secret_key}"
                for each in config.secret_as_env
                for pair in each.key_to_env
            ]
else:
    job = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineJob())
    spec = json_format.ParseDict(documents[0]["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    inputs = {
        name: [
            pipeline_spec_pb2.ParameterType.ParameterTypeEnum.Name(each.parameter_type),
            each.default_value.string_value,
        ]
        for name, each in spec.root.input_definitions.parameters.items()
    }
print(json.dumps({"inputs": inputs, "kubernetes": configs}))
