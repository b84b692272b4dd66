"""A component that tells its executor the id of its node, which most launchers don't."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_component

# TFX's own Evaluator writes it into its blessings, too.
COMPONENT_ID_KEY = "current_component_id"


class KnowsItsId(base_component.BaseComponent):
    """Adds the node's id to the execution properties; it may be given after the component is made, by `with_id`."""

    @property
    def exec_properties(self) -> dict[str, Any]:
        """The execution properties; the same dictionary each time, since orchestrators change it."""
        properties = super().exec_properties
        properties[COMPONENT_ID_KEY] = self.id
        return properties
