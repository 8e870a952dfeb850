"""Variables as parts of the JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashtool.model.variables import FrameVariable, Value


def variable_document(variable: FrameVariable) -> dict[str, Any]:
    """A variable: its name, its kind, and what `value_document` says of its value."""
    head = {"name": variable.name, "kind": variable.kind}
    if not variable.is_read:
        return head | {"type": variable.value.type}
    return head | value_document(variable.value)


def value_document(value: Value) -> dict[str, Any]:
    """A value: type and state always, the others where there is something to say."""
    document: dict[str, Any] = {"name": value.name} if value.name else {}
    document |= {"type": value.type, "state": value.state}
    if value.text:
        document["value"] = value.text
    if value.reason:
        document["reason"] = value.reason
    if value.children:
        document["members"] = [value_document(child) for child in value.children]
    if value.left_out:
        document["left_out"] = value.left_out
    if value.pointee is not None:
        document["points_to"] = value_document(value.pointee)
    return document
