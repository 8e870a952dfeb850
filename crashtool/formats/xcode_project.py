"""project.pbxproj: an Xcode project, a property list in the old style of NeXT (`plutil`).

Dictionaries `{ KEY = VALUE; }`, lists `( VALUE, )`, texts bare or in quotation marks, comments.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from crashtool.errors import MalformedFile

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

TOKEN = re.compile(
    r'\s+|//[^\n]*|/\*.*?\*/|(?P<mark>[{}()=;,])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[\w.$/:@+-]+)',
    re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
MAX_TOKENS, MAX_DEPTH = 4_000_000, 32


def parse_project(text: str) -> dict[str, Value]:
    """The project's root dictionary. MalformedFile for what is none."""
    value = _Parser(text.removeprefix("\ufeff")).value(0)
    if not isinstance(value, dict):
        raise MalformedFile("not an Xcode project: no dictionary at the top", offset=0)
    return value


class _Parser:
    """Tokens of a text, read in turn."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._offset = 0
        self._left = MAX_TOKENS

    def value(self, depth: int) -> Value:
        """A text, list or dictionary."""
        if depth > MAX_DEPTH:
            raise self._fault("lists in lists without end")
        mark, text = self._next()
        if mark == "{":
            return self._dictionary(depth)
        if mark == "(":
            return self._list(depth)
        if mark:
            raise self._fault(f"an unexpected {mark}")
        return text

    def _dictionary(self, depth: int) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        while True:
            mark, key = self._next()
            if mark == "}":
                return entries
            if mark or self._next()[0] != "=":
                raise self._fault("a key without a value")
            entries[key] = self.value(depth + 1)
            if self._next()[0] != ";":
                raise self._fault("a value without its ;")

    def _list(self, depth: int) -> list[Value]:
        items: list[Value] = []
        while True:
            before = self._offset
            if self._next()[0] == ")":
                return items
            self._offset = before
            items.append(self.value(depth + 1))
            mark, _ = self._next()
            if mark == ")":
                return items
            if mark != ",":
                raise self._fault("a list without a comma")

    def _next(self) -> tuple[str, str]:
        """The next mark, or "" and the next text."""
        while match := TOKEN.match(self._text, self._offset):
            self._left -= 1
            if self._left < 0:
                raise self._fault("too much of it")
            self._offset = match.end()
            if match["mark"]:
                return match["mark"], ""
            if match["quoted"] is not None:
                return "", re.sub(r"\\(.)", _unescape, match["quoted"], flags=re.DOTALL)
            if match["bare"]:
                return "", match["bare"]
        raise self._fault("its end is missing" if self._offset >= len(self._text) else "damage")

    def _fault(self, what: str) -> MalformedFile:
        return MalformedFile(f"the Xcode project cannot be read: {what}", offset=self._offset)


def _unescape(match: re.Match[str]) -> str:
    return ESCAPES.get(match[1], match[1])
