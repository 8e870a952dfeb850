"""Variables of a frame as a folded list of the web page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crashtool.render.html_parts import code, harmless
from crashtool.render.variables import format_loss, format_type

if TYPE_CHECKING:
    from crashtool.model.variables import FrameVariable, Value

MAX_DEPTH = 6  # values inside one another


def render_variables(variables: Sequence[FrameVariable]) -> str:
    """The variables of a function, folded; "" without any."""
    if not variables:
        return ""
    items = "".join(
        _render_one(
            variable.name,
            variable.value,
            ", static" if variable.kind == "static" else "",
            MAX_DEPTH,
            is_read=variable.is_read,
        )
        for variable in variables
    )
    count = f"{len(variables)} variable{'' if len(variables) == 1 else 's'}"
    return (
        f'<details class="variables"><summary>{count}</summary>'
        f'<ul class="variables">{items}</ul></details>'
    )


def _render_one(name: str, value: Value, note: str, depth: int, *, is_read: bool = True) -> str:
    """A name with its value and type, and what is inside below it, folded."""
    shown = ""
    if is_read and value.state != "value":
        shown = f' = <span class="dim">{harmless(format_loss(value))}</span>'
    elif is_read and value.text:
        shown = f" = {code(value.text)}"
    kind = harmless(format_type(value.type) + note)
    head = f'<b>{code(name)}</b>{shown} <span class="dim mono">{kind}</span>'
    inner = _render_inner(value, depth) if depth else ""
    if not inner:
        return f"<li>{head}</li>"
    return f"<li><details><summary>{head}</summary><ul>{inner}</ul></details></li>"


def _render_inner(value: Value, depth: int) -> str:
    items = [_render_one(child.name, child, "", depth - 1) for child in value.children]
    if value.left_out:
        items.append(f'<li class="dim">… {value.left_out} more</li>')
    if value.pointee is not None and value.pointee.state == "value":
        items.append(_render_one("*", value.pointee, "", depth - 1))
    return "".join(items)
