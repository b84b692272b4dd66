"""One open page: its widgets, what they change, and what is shown then."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import panel as pn
from panel.io.location import Location

from tfx_explain.beam.reading.names import row_names
from tfx_explain.proto.printable import first_line
from tfx_explain.storage import columns
from tfx_explain.whatif.asking.session import Answer, Near, Session
from tfx_explain.whatif.asking.values import Values, as_text, parse, values_of, with_values
from tfx_explain.whatif.showing import drawing, view
from tfx_explain.whatif.showing.fields import MOST, Fields
from tfx_explain.whatif.showing.rows import RowChoice
from tfx_explain.whatif.showing.widgets import Slider
from tfx_explain.whatif.showing.words import output_name, short

_ROW = "#row="  # Behind the address: which row is shown.
_PANES = ("about", "problem", "beside", "said", "why", "curve", "near")


class Page:
    """What one person looks at: a row, what was changed of it, and what the models say.

    Attributes:
      location: The page's address, of which the part behind `#` names the row.
    """

    def __init__(self, session: Session, record: bytes) -> None:
        """Shows a row, a serialized tf.Example."""
        css = view.style()
        look: dict[str, Any] = {"sizing_mode": "stretch_width", "stylesheets": [css], "margin": (0, 0, 8, 0)}
        self._session = session
        self._record, self._edits = record, dict[str, Values]()
        self._wrong: dict[str, tuple[str, str]] = {}  # By feature, what somebody wrote, and what is wrong with it.
        self._read: Answer | None = None
        self._now: Answer | None = None
        self._near: Near | None = None
        self._target: int | None = None
        self._is_setting = False
        self.location = Location()
        self._panes = {name: pn.pane.HTML("", **look | {"margin": 0}) for name in _PANES}
        self._rows = RowChoice(session, self._safely(self._choose), self._safely(self._search), look)
        self._back = pn.widgets.Button(name="Back to the row as it was read", disabled=True, **look)
        self._output = pn.widgets.Select(name="Output explained", visible=False, **look)
        self._feature = pn.widgets.Select(name="Feature", **look)
        self._choice = pn.widgets.Select(name="Value", **look)
        self._slider = Slider(label="Value", stylesheets=[css], sizing_mode="stretch_width")
        self._take = pn.widgets.Button(name="Look at this row", **look)
        self._fields = Fields(session, self._safely(self._edit), look)
        self._panes["about"].object = view.about(session)
        self._watch()
        self._choose(record)

    def template(self) -> pn.Template:
        """Returns the page, to be served."""
        text = resources.files("tfx_explain.whatif.showing").joinpath("templates/page.html").read_text(encoding="utf-8")
        template = pn.Template(text)
        template.location = True
        template.add_variable("style", view.style())
        for name, widget in self._rows.widgets.items():
            template.add_panel(name, widget)
        template.add_panel("fields", pn.Column(self._back, self._fields.layout, sizing_mode="stretch_width", margin=0))
        template.add_panel("output", self._output)
        template.add_panel("feature", self._feature)
        template.add_panel("value", pn.Column(self._slider, self._choice, sizing_mode="stretch_width", margin=0))
        template.add_panel("take", self._take)
        for name, pane in self._panes.items():
            template.add_panel(name, pane)
        return template

    def _watch(self) -> None:
        """Says what happens when somebody changes a widget."""

        def on(widget: Any, parameter: str, change: Any) -> None:
            safely = self._safely(change)
            widget.param.watch(lambda event: None if self._is_setting else safely(event.new), parameter)

        on(self._back, "clicks", lambda _: self._choose(self._record))
        on(self._output, "value", self._explain)
        on(self._feature, "value", lambda _: self._show())
        on(self._choice, "value", lambda text: self._edit(self._feature.value, text))
        on(self._slider, "place", lambda place: self._edit(self._feature.value, self._slider.texts[place]))
        on(self._take, "clicks", lambda _: self._near and self._choose(self._session.rows.sample[self._near.place]))
        on(self.location, "hash", self._follow)

    def _choose(self, record: bytes) -> None:
        """Shows a row as it was read."""
        self._record, self._edits, self._wrong, self._read, self._now = record, {}, {}, None, None
        with self._setting():
            self._rows.show(record)
            self.location.hash = _ROW + row_names([record])[0]
        with self._guarded():
            self._read = self._session.ask(record, self._target)
            self._now = self._read
            if self._feature.value is None:
                with self._setting():
                    self._offer_features(self._read)
        self._show()

    def _search(self, name: str) -> None:
        """Shows the row of a name."""
        with self._guarded():
            self._choose(self._session.rows.find(name))

    def _explain(self, target: int) -> None:
        """Shows another of the outputs."""
        self._target = target
        with self._guarded():
            self._read = self._session.ask(self._record, target)
            self._now = self._session.ask(self._edited(), target)
        self._show()

    def _edit(self, name: str, text: str) -> None:
        """Takes what somebody wrote for a feature."""
        self._wrong.pop(name, None)
        try:
            edits = self._edits | {name: parse(text, name, self._session.models.features[name])}
            read = values_of(self._record)
            self._edits = {one: given for one, given in edits.items() if list(given) != list(read.get(one, ()))}
        except ValueError as error:
            self._wrong[name] = (text, str(error))
        with self._guarded():
            # The same output as before, also where another one is the highest now.
            self._now = self._session.ask(self._edited(), self._read.target if self._read else self._target)
        self._show()

    def _edited(self) -> bytes:
        return with_values(self._record, self._session.models.features, self._edits)

    def _follow(self, fragment: str) -> None:
        """Shows the row that the address names, or names the row that is shown."""
        own, name = row_names([self._record])[0], fragment.removeprefix(_ROW)
        if not fragment.startswith(_ROW):
            with self._setting():
                self.location.hash = _ROW + own
        elif name != own:
            self._search(name)

    def _show(self) -> None:
        """Brings all that is shown up to date."""
        session, now = self._session, self._now
        values, read = values_of(self._edited()), values_of(self._record)
        # All at once: no number is ever beside another row's.
        with self._setting(), pn.io.hold():
            self._fields.show(self._shown(), values, read, {name: text for name, (text, _) in self._wrong.items()})
            self._panes["beside"].object = view.beside(session, self._record, MOST)
            self._back.disabled = not self._edits and not self._wrong
            self._show_outputs()
            self._panes["said"].object = view.said(session, now, self._read)
            self._panes["why"].object = view.why(session, now, self._read)
            self._show_curve(read)
            self._near = session.nearest(now) if now else None
            self._take.visible = self._near is not None
            self._panes["near"].object = view.near(session, now, self._near)

    def _offer_features(self, read: Answer) -> None:
        """Lists all features, and takes the one with the largest attribution."""
        names = self._names()
        self._feature.options = {short(name): name for name in names}
        self._feature.value = next((name for name in self._session.largest(read) if name in names), names[0])

    def _show_outputs(self) -> None:
        """Lists the outputs that can be explained, where they are several."""
        if self._now is None:
            return
        targets = self._session.models.targets(self._now.outputs[columns.CANDIDATE])
        self._output.visible = len(targets) > 1
        self._output.options = {output_name(self._session, target): target for target in sorted(targets)}
        self._output.value = self._now.target

    def _show_curve(self, read: dict[str, Values]) -> None:
        """Draws the curve, and offers the values that it is drawn at."""
        name, now = self._feature.value, self._now
        found = self._session.curve(now, name, read.get(name, ())) if now and name else None
        self._panes["curve"].object = drawing.curve(self._session, found, now.target if now else 0)
        self._slider.visible = self._choice.visible = False
        if found is None:
            return
        texts = [as_text(values) for values in found.values]
        if found.is_numeric and len(texts) > 1:
            self._slider.param.update(texts=texts, place=found.here, label=short(name), visible=True)
        else:
            options = {short(text) or "(missing)": text for text in texts}
            self._choice.param.update(options=options, value=texts[found.here], visible=True)

    def _names(self) -> list[str]:
        return sorted(self._session.models.features)

    def _shown(self) -> list[str]:
        """The features that have fields: all, or where they are many those with the largest attributions."""
        names = self._names()
        if len(names) <= MOST or self._read is None:
            return names[:MOST]
        largest = [name for name in self._session.largest(self._read) if name in self._session.models.features]
        return sorted({*largest[:MOST], *self._edits, *self._wrong, self._feature.value})

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        """Widgets are set by us, which is no change of somebody's."""
        before, self._is_setting = self._is_setting, True
        try:
            yield
        finally:
            self._is_setting = before

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """What can't be done is said on the page."""
        sentence = ""
        try:
            yield
        except ValueError as error:
            sentence = str(error)
        sentences = [*(why for _, why in self._wrong.values()), *([sentence] if sentence else [])]
        self._panes["problem"].object = view.problem(sentences, self._now is not None)

    def _safely(self, change: Callable[..., None]) -> Callable[..., None]:
        """Has what nobody foresaw said on the page, too; the terminal has all of it."""

        def safe(*what: Any) -> None:
            try:
                change(*what)
            except Exception as error:
                logging.exception("The what-if page could not do what it was asked.")
                sentence = f"Something failed that nobody foresaw: {first_line(error)}."
                self._panes["problem"].object = view.problem([sentence], self._now is not None)

        return safe
