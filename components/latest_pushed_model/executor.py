"""LatestPushedModel executor: a folder in, a copy of the model in it out."""

from __future__ import annotations

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, path_utils

from tfx_explain.components.latest_pushed_model.search import find_model
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel.whole import verify_whole_model
from tfx_explain.storage.directory import complete_directory
from tfx_explain.storage.fingerprint import model_fingerprint
from tfx_explain.storage.no_model import NoModel, write_no_model

BASE_DIRECTORY_KEY = "base_directory"

_LOGGER = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Executor of LatestPushedModel."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the model that is found, or writes that there is none; see the component for the keys."""
        output = artifact_utils.get_single_instance(output_dict[keys.MODEL_KEY])
        found = find_model(exec_properties[BASE_DIRECTORY_KEY])
        if isinstance(found, NoModel):
            _LOGGER.warning("No baseline model: %s", printable(found.why))
            write_no_model(output.uri, found)
            output.set_string_custom_property("no_model", found.why)
            return
        with complete_directory(output.uri) as directory:
            model_dir = path_utils.serving_model_dir(directory)
            io_utils.copy_dir(found.path, model_dir)
            # A version may be removed, or written again, while it is copied.
            verify_whole_model(model_dir)
            fingerprint = model_fingerprint(model_dir)
        _LOGGER.info("The baseline model is %s: %s", printable(found.path), printable(found.why))
        output.set_string_custom_property("copied_from", found.path)
        output.set_string_custom_property("model_fingerprint", fingerprint)
