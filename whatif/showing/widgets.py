"""Widgets that Panel lacks, of the browser's own elements: what somebody writes is never lost, and all have names."""

from __future__ import annotations

from typing import ClassVar

import param
from panel.custom import JSComponent


class Field(JSComponent):
    """A text with suggestions; it changes when somebody leaves the field or presses Enter, whatever it holds then."""

    label = param.String(doc="What it is called.")
    value = param.String(doc="What it holds.")
    options = param.List(doc="What is suggested.")
    hint = param.String(doc="What stands there while it is empty.")
    is_wrong = param.Boolean(default=False, doc="Whether what it holds could not be read.")
    is_fixed = param.Boolean(default=False, doc="Whether it can't be changed.")

    _esm = """
    let fields = 0
    export function render({ model }) {
      const label = document.createElement("label"), name = document.createElement("span")
      const input = document.createElement("input"), list = document.createElement("datalist")
      list.id = `suggestions-${fields++}`
      label.append(name, input, list)
      const update = () => {
        name.textContent = model.label
        input.value = model.value; input.placeholder = model.hint; input.disabled = model.is_fixed
        input.setAttribute("aria-invalid", model.is_wrong)
        list.replaceChildren(...model.options.map((text) => {
          const option = document.createElement("option")
          option.value = text
          return option
        }))
        if (model.options.length) input.setAttribute("list", list.id)
      }
      input.addEventListener("change", () => { model.value = input.value })
      for (const property of ["label", "value", "options", "hint", "is_wrong", "is_fixed"]) model.on(property, update)
      update()
      return label
    }
    """
    _stylesheets: ClassVar = [
        "label{display:block;padding:0}span{display:block;color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}"
        "input{width:100%;min-height:2.3rem;padding:.25rem .6rem;font:inherit;color:var(--ink);background:var(--paper);"
        "border:1px solid var(--soft);border-radius:.3rem}input:disabled{opacity:.7}"
        "input[aria-invalid=true]{border:2px solid var(--bad)}"
    ]


class Slider(JSComponent):
    """One of several texts in order, chosen by its place; it changes when the handle is let go."""

    label = param.String(doc="What is chosen.")
    texts = param.List(doc="The texts.")
    place = param.Integer(default=0, doc="Which of them is chosen.")

    _esm = """
    export function render({ model }) {
      const label = document.createElement("label"), name = document.createElement("span")
      const input = document.createElement("input"), text = document.createElement("output")
      input.type = "range"; input.min = 0
      label.append(name, input, text)
      const show = () => {
        text.textContent = model.texts[input.value] || "(missing)"
        input.setAttribute("aria-valuetext", text.textContent)
      }
      const update = () => {
        name.textContent = model.label
        input.max = Math.max(model.texts.length - 1, 0); input.value = model.place
        show()
      }
      input.addEventListener("input", show)
      input.addEventListener("change", () => { model.place = Number(input.value) })
      for (const property of ["label", "texts", "place"]) model.on(property, update)
      update()
      return label
    }
    """
    _stylesheets: ClassVar = [
        "label{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;min-height:2.3rem;padding:0}"
        "span{max-width:12rem;overflow-wrap:anywhere}"
        "input{flex:1 1 10rem;min-width:8rem;accent-color:var(--new)}output{min-width:5rem;font-weight:650}"
    ]
