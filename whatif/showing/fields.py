"""The form of a row: a field a feature, with the commonest values suggested where these are names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn

from tfx_explain.whatif.asking.session import Session
from tfx_explain.whatif.asking.values import Values, as_text, is_editable
from tfx_explain.whatif.showing.widgets import Field
from tfx_explain.whatif.showing.words import short

# A row with more features has fields for some of them.
MOST = 30


class Fields:
    """The fields.

    Attributes:
      layout: The widgets.
    """

    def __init__(self, session: Session, on_edit: Callable[[str, str], None], look: dict[str, Any]) -> None:
        """Makes no field yet.

        Args:
          session: What is known of the features.
          on_edit: Called with a feature and what somebody wrote.
          look: How they look.
        """
        self._session, self._on_edit, self._look = session, on_edit, look
        self._fields: dict[str, Field] = {}
        self._is_setting = False
        self.layout = pn.Column(sizing_mode="stretch_width", margin=0)

    def show(
        self, names: Sequence[str], values: Mapping[str, Values], read: Mapping[str, Values], wrong: Mapping[str, str]
    ) -> None:
        """Shows a row.

        Args:
          names: The features to have fields for.
          values: Its values.
          read: Those that it had when it was read.
          wrong: By feature, what somebody wrote that could not be read.
        """
        self._is_setting = True
        try:
            for name in names:
                self._set(self._field(name), name, values.get(name, ()), read.get(name, ()), wrong.get(name))
            fields = [self._fields[name] for name in names]
            if list(self.layout) != fields:
                self.layout[:] = fields
        finally:
            self._is_setting = False

    def _set(self, field: Field, name: str, values: Values, read: Values, wrong: str | None) -> None:
        text, can_edit = as_text(values), is_editable(values)
        was = "" if text == as_text(read) else f" (was {short(as_text(read) or 'missing')})"
        field.param.update(
            label=short(name) + was,
            value=wrong if wrong is not None else text if can_edit else "",
            is_wrong=wrong is not None,
            is_fixed=not can_edit,
            hint="missing" if can_edit else "no text, or too long to be edited here",
        )

    def _field(self, name: str) -> Field:
        if name not in self._fields:
            known = self._session.domain(name)
            texts = [] if known.is_numeric else [as_text(values) for values in known.values if values]
            field = self._fields[name] = Field(options=texts, **self._look)
            field.param.watch(lambda event: None if self._is_setting else self._on_edit(name, event.new), "value")
        return self._fields[name]
