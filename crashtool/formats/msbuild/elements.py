"""The XML of MSBuild files, as a tree of elements with their lines; what no such file has is
refused: document types, entities, more depth or size than people write.
"""

from __future__ import annotations

from xml.parsers import expat

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple

MAX_SIZE = 16 << 20  # bytes
MAX_DEPTH = 64
MAX_ELEMENTS = 500_000


class Element(NamedTuple):
    """An element: its name without namespace, its text without that of its children, its line."""

    name: str
    attributes: dict[str, str]
    children: list[Element]
    pieces: list[str]
    line: int

    @property
    def text(self) -> str:
        """What stands between its tags, without the blanks around it."""
        return "".join(self.pieces).strip()

    def get(self, attribute: str) -> str:
        """An attribute, "" without it."""
        return self.attributes.get(attribute, "")


def read_elements(content: bytes, name: str) -> Element:
    """The root element. InputUnusable for what is no XML, or none that MSBuild takes."""
    if len(content) > MAX_SIZE:
        raise InputUnusable(f"{name} has more than {MAX_SIZE >> 20} MiB")
    builder = _Builder(name)
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputUnusable(f"{name}, line {error.lineno}: not valid XML: {error}") from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise InputUnusable(f"{name}: cannot be read as XML: {error}") from None
    return builder.root.children[0]


class _Builder:
    """Follows the parser."""

    def __init__(self, name: str) -> None:
        self.root = Element("", {}, [], [], 0)
        self._name = name
        self._open = [self.root]
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _refuse(self, reason: str) -> InputUnusable:
        return InputUnusable(f"{self._name}, line {self.parser.CurrentLineNumber}: {reason}")

    def _refuse_doctype(self, *_: object) -> None:
        raise self._refuse("a document type (DTD), which no MSBuild file has: not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise self._refuse(f"more than {MAX_ELEMENTS:,} elements")
        if len(self._open) > MAX_DEPTH:
            raise self._refuse(f"elements nested deeper than {MAX_DEPTH}")
        element = Element(
            name.rpartition(":")[2], attributes, [], [], self.parser.CurrentLineNumber
        )
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].pieces.append(text)
