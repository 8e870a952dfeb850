"""What is to be handed to StartHandler, and what a rule says about it."""

from __future__ import annotations

from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.crashpad.arguments import (
    HANDLER_KINDS,
    HandlerKind,
    start_handler_arguments,
)
from crashtool.formats.named_tuple import NamedTuple

ERROR, WARNING = "error", "warning"
INTO = "minidump"
"""The text form of what is asked for in no text, but written into a minidump."""


class AttributeFinding(NamedTuple):
    """One rule's verdict on `subject`, a key or a name; cause and consequence are sentences."""

    rule: str
    severity: str
    subject: str
    cause: str
    consequence: str


class AttributeFault(NamedTuple):
    """A Finding that does not know yet which rule's it is: what a rule function yields."""

    severity: str
    subject: str
    cause: str
    consequence: str


class StartPlan(NamedTuple):
    """What is to be handed to StartHandler, in the order given, and in which text it is asked.

    `options` are arguments made by `parse_handler_option`.
    """

    annotations: tuple[Attribute, ...]
    attachments: tuple[Attachment, ...] = ()
    kind: str = "upstream"
    text_form: str = ""
    options: tuple[str, ...] = ()

    @property
    def handler(self) -> HandlerKind:
        """The handler that all this is for."""
        return HANDLER_KINDS[self.kind]

    @property
    def arguments(self) -> list[str]:
        """What follows the handler's path in argv."""
        return start_handler_arguments(
            self.annotations, self.attachments, kind=self.kind, arguments=self.options
        )


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
