"""MSBuild's macros and conditions, as far as they can be known without Visual Studio.

What a project and its own sheets do not define may come from Visual Studio's files, from the
environment or the command line: it is unknown, not empty, and so is what depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

MACRO = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<sign>==|!=|<=|>=|<|>|\(|\)|!)|(?P<word>(?:\$\([^()']*\)|[^\s'()=!<>])+))"
)
UNKNOWN = "$(?)"  # no macro is called so
MAX_EXPANSIONS = 32
MAX_LENGTH = 1 << 16  # characters of an expanded value
MAX_TOKENS = 120

Exists = Callable[[str], bool | None]


def expand(text: str, macros: Mapping[str, str]) -> str:
    """A text with the macros that are known; the others stay as `$(Name)`. Names ignore case.

    UNKNOWN when it grows beyond all bounds, or names itself.
    """
    for _ in range(MAX_EXPANSIONS):
        expanded = MACRO.sub(lambda name: macros.get(name[1].lower(), name[0]), text)
        if expanded == text:
            return text
        if len(expanded) > MAX_LENGTH:
            break
        text = expanded
    return UNKNOWN


def is_known(text: str) -> bool:
    """Whether nothing is left in an expanded text that only Visual Studio knows."""
    return not any(mark in text for mark in ("$(", "@(", "%("))


def evaluate_condition(text: str, macros: Mapping[str, str], exists: Exists) -> bool | None:
    """Whether a condition holds; None when that cannot be known."""
    if not text.strip():
        return True
    tokens = _split(text)
    if tokens is None:
        return None
    return _Condition(tokens, macros, exists).assess()


def _split(text: str) -> list[str] | None:
    tokens: list[str] = []
    start = 0
    text = text.strip()
    while start < len(text):
        token = TOKEN.match(text, start)
        if token is None or len(tokens) >= MAX_TOKENS:
            return None
        tokens.append(token.group().strip())
        start = token.end()
    return tokens


class _Condition:
    """`or` of `and` of comparisons, in MSBuild's own grammar; without numbers' order."""

    def __init__(self, tokens: list[str], macros: Mapping[str, str], exists: Exists) -> None:
        self._tokens = tokens
        self._macros = macros
        self._exists = exists

    def assess(self) -> bool | None:
        value = self._read_or()
        return value if not self._tokens else None

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _read_or(self) -> bool | None:
        value = self._read_and()
        while self._peek().lower() == "or":
            self._tokens.pop(0)
            other = self._read_and()
            sides = {value, other}
            value = True if True in sides else None if None in sides else False
        return value

    def _read_and(self) -> bool | None:
        value = self._read_one()
        while self._peek().lower() == "and":
            self._tokens.pop(0)
            other = self._read_one()
            sides = {value, other}
            value = False if False in sides else None if None in sides else True
        return value

    def _read_one(self) -> bool | None:
        first = self._tokens.pop(0) if self._tokens else ""
        if first == "!":
            value = self._read_one()
            return None if value is None else not value
        if first == "(":
            value = self._read_or()
            return value if self._tokens and self._tokens.pop(0) == ")" else None
        if self._peek() == "(":
            return self._read_call(first.lower())
        left = self._expand(first)
        if self._peek() in ("==", "!="):
            sign = self._tokens.pop(0)
            right = self._expand(self._tokens.pop(0) if self._tokens else "")
            if left is None or right is None:
                return None
            return (left.lower() == right.lower()) == (sign == "==")
        return {"true": True, "false": False}.get((left or "").lower())

    def _read_call(self, name: str) -> bool | None:
        """Exists('path'); other functions are not known."""
        self._tokens.pop(0)
        argument = self._tokens.pop(0) if self._tokens else ""
        if not self._tokens or self._tokens.pop(0) != ")":
            self._tokens.clear()
            return None
        path = self._expand(argument)
        return self._exists(path) if name == "exists" and path is not None else None

    def _expand(self, token: str) -> str | None:
        text = expand(token.strip("'"), self._macros)
        return text if is_known(text) else None
