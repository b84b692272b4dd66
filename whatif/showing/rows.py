"""Choosing a row: from a list of the sampled ones, or by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

from tfx_explain.beam.reading.names import row_names
from tfx_explain.storage import columns
from tfx_explain.whatif.asking.session import APART, HIGHEST, Session
from tfx_explain.whatif.showing.words import row_briefly

_SAMPLED, _HIGHEST, _APART = "as sampled", "highest output first", "models farthest apart first"
_NOT_SAMPLED = -1


class RowChoice:
    """The list, its order, and a field for a name.

    Attributes:
      widgets: By what they are for: `order`, `row`, `find`.
    """

    def __init__(
        self,
        session: Session,
        on_choice: Callable[[bytes], None],
        on_name: Callable[[str], None],
        look: dict[str, Any],
    ) -> None:
        """Lists the sampled rows.

        Args:
          session: Where they are from.
          on_choice: Called with the row that somebody chose, a serialized tf.Example.
          on_name: Called with a name that somebody wrote.
          look: How widgets look.
        """
        self._session, self._on_choice = session, on_choice
        self._is_setting = False
        orders = [*([_APART] if columns.BASELINE in session.models.explained else []), _HIGHEST, _SAMPLED]
        self._order = pn.widgets.Select(name="Order of the rows", options=orders, **look)
        self._row = pn.widgets.Select(name="Row", **look)
        self._find = pn.widgets.TextInput(name="Find a row by its name", **look)
        self._order.param.watch(lambda _: self._list(), "value")
        self._row.param.watch(lambda event: self._pick(event.new), "value")
        self._find.param.watch(lambda event: on_name(event.new) if event.new else None, "value")
        self.widgets = {"order": self._order, "row": self._row, "find": self._find}
        self._list()

    def show(self, record: bytes) -> None:
        """Shows which row it is that somebody looks at; one that isn't in the sample stands first in the list."""
        (name,) = row_names([record])
        names = self._session.names
        place = names.index(name) if name in names else _NOT_SAMPLED
        self._is_setting = True
        try:
            if place == _NOT_SAMPLED:
                self._row.options = {name: _NOT_SAMPLED, **self._options()}
            self._row.value = place
        finally:
            self._is_setting = False

    def _list(self) -> None:
        """Lists the rows in the order that somebody chose."""
        self._is_setting = True
        try:
            shown = self._row.value
            self._row.options = self._options()
            self._row.value = shown if shown in self._row.options.values() else None
        finally:
            self._is_setting = False

    def _options(self) -> dict[str, int]:
        """The places of the rows in the sample, by what is said of each."""
        places = self._session.order({_HIGHEST: HIGHEST, _APART: APART}.get(self._order.value, ""))
        return {row_briefly(self._session, place): place for place in places.tolist()}

    def _pick(self, place: int | None) -> None:
        if place is not None and place != _NOT_SAMPLED and not self._is_setting:
            self._on_choice(self._session.rows.sample[place])
