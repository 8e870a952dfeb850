"""Names of C++ functions with template arguments of the usual kinds, read at once.

A third of a large program's names have some: types, numbers and packs of these. What is rare
(expressions, local scopes, function types as arguments, decltype) is left to a demangler, which
takes ten times as long (Itanium C++ ABI, 5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.formats.itanium_names import ANONYMOUS, Unusual, read_source_name

HEAD = re.compile(r"_Z(?:(N)V?K?[RO]?)?")
SUBSTITUTE = re.compile(r"S([0-9A-Z]{0,3})_")
PARAMETER = re.compile(r"T([0-9]?)_")
NUMBER = re.compile(r"(n?)(\d{1,20})E")
STRUCTORS = frozenset({"C1", "C2", "C3", "C4", "D0", "D1", "D2", "D4"})
WORDS = {"K": " const", "V": " volatile"}
QUALIFIERS = "PROKV"
SIGNS = {"P": "*", "R": "&", "O": "&&"}
CLOSED = ("&", " const", " volatile")  # a second time it counts for nothing
OPERATORS_LIKE_BRACKETS = tuple(f"operator{sign}" for sign in (">", ">>", "->"))
MAX_DEPTH = 40
BUILTIN = {
    "v": "void",
    "w": "wchar_t",
    "b": "bool",
    "c": "char",
    "a": "signed char",
    "h": "unsigned char",
    "s": "short",
    "t": "unsigned short",
    "i": "int",
    "j": "unsigned int",
    "l": "long",
    "m": "unsigned long",
    "x": "long long",
    "y": "unsigned long long",
    "n": "__int128",
    "o": "unsigned __int128",
    "f": "float",
    "d": "double",
    "e": "long double",
    "g": "__float128",
    "z": "...",
}
LONG_BUILTIN = {"Dn": "std::nullptr_t", "Di": "char32_t", "Ds": "char16_t"}
SUFFIXES = {"i": "", "j": "u", "l": "l", "m": "ul", "x": "ll", "y": "ull"}  # of numbers
CAST = frozenset("cahstw")  # numbers of these have their type in front
STANDARD = {"Sa": "std::allocator", "Sb": "std::basic_string"}
OPERATOR_CODES = (
    "pl mi ml dv rm an or eo aS pL mI mL dV rM aN oR eO ls rs lS rS eq ne lt gt le ge nt "
    "aa oo pp mm cm pt cl ix de ad ng ps co"
)
OPERATOR_SIGNS = (
    "+ - * / % & | ^ = += -= *= /= %= &= |= ^= << >> <<= >>= == != < > <= >= ! && || ++ "
    "-- , -> () [] * & - + ~"
)
OPERATORS = {
    **dict(zip(OPERATOR_CODES.split(), OPERATOR_SIGNS.split(), strict=True)),
    "nw": " new",
    "na": " new[]",
    "dl": " delete",
    "da": " delete[]",
}


def read_template_name(name: str) -> str:
    """The qualified name of a function from its symbol; "" for all of another kind."""
    head = HEAD.match(name)
    if head is None:
        return ""
    reader = _TemplateName(name, head.end())
    try:
        text = reader.read_function(is_nested=head[1] is not None)
        reader.pass_types()
    except (Unusual, IndexError, RecursionError):
        return ""
    return text


class _TemplateName:
    """Goes along a mangled name, and keeps what later parts of it may refer back to."""

    def __init__(self, name: str, place: int) -> None:
        self._name = name
        self._place = place
        self._kept: list[str] = []
        self._templates: set[int] = set()  # of these, what is a type with its arguments alone
        self._depth = 0
        self._packs: list[bool] = []  # whether the function's own arguments are packs
        self._returns = False
        self._is_expanded = False  # in the pattern of a pack's expansion
        self._is_behind = False  # among the parameters, whose text is not wanted

    def read_function(self, *, is_nested: bool) -> str:
        """The name of the function itself."""
        text = self._read_nested(is_type=False) if is_nested else self._read_unscoped(is_type=False)
        self._is_behind = True
        self._returns = text.endswith(">") and not text.endswith(OPERATORS_LIKE_BRACKETS)
        return text

    def pass_types(self) -> None:
        """Pass the parameters, of which there is one at least; all to the end must be such.

        What a template returns stands before them.
        """
        if self._returns:
            self._read_type()
        while True:
            self._read_type()
            if self._place == len(self._name):
                return

    def _read_nested(self, *, is_type: bool) -> str:
        """The parts of a qualified name up to the E that ends it."""
        name = self._name
        text = self._read_start()
        last, is_new = "", False
        while (letter := name[self._place]) != "E":
            if is_new:
                self._keep(text)
            is_new = True
            if letter == "I":
                if not last:
                    raise Unusual
                text += self._read_arguments()
                continue
            part = self._read_part()
            if part:
                last = part
            else:
                if is_type:
                    raise Unusual
                part, last = self._read_special(last), ""
                if name[self._place] == "I":  # of an operator's or a constructor's template
                    raise Unusual
            text = f"{text}::{part}" if text else part
        self._place += 1
        if not is_new:
            raise Unusual
        if is_type:
            self._kept.append(text)
        return text

    def _read_unscoped(self, *, is_type: bool) -> str:
        """A name without scopes but std, and its template arguments."""
        text = "std::" if self._name.startswith("St", self._place) else ""
        self._place += len(text) and 2
        part = self._read_part()
        if not part:
            raise Unusual
        text += part
        if self._name[self._place : self._place + 1] == "I":
            self._keep(text)
            text += self._read_arguments()
        if is_type:
            self._kept.append(text)
        return text

    def _keep(self, text: str) -> None:
        """Keep what a name has so far; it is a template when its arguments follow."""
        if self._name.startswith("I", self._place):
            self._templates.add(len(self._kept))
        self._kept.append(text)

    def _read_start(self) -> str:
        """What a qualified name may begin with, that was there before."""
        name = self._name
        two = name[self._place : self._place + 2]
        if two == "St":
            self._place += 2
            return "std"
        if two in STANDARD:
            raise Unusual
        if name[self._place] == "S":
            return self._read_substitute()
        return ""

    def _read_substitute(self) -> str:
        match = SUBSTITUTE.match(self._name, self._place)
        if match is None:
            raise Unusual
        self._place = match.end()
        number = int(match[1], 36) + 1 if match[1] else 0
        if number in self._templates and not self._name.startswith("I", self._place):
            raise Unusual
        return self._kept[number]

    def _read_part(self) -> str:
        """A name in the source; "" for what is none."""
        part, self._place = read_source_name(self._name, self._place)
        return part

    def _read_special(self, last: str) -> str:
        """A constructor's, a destructor's or an operator's name; `last` is the class's."""
        kind = self._name[self._place : self._place + 2]
        self._place += 2
        if kind in OPERATORS:
            return f"operator{OPERATORS[kind]}"
        if not last or last == ANONYMOUS or kind not in STRUCTORS:
            raise Unusual
        return f"~{last}" if kind[0] == "D" else last

    def _read_arguments(self) -> str:
        """Template arguments with their brackets, from the I on."""
        self._place += 1
        if not self._depth:
            self._packs.clear()
        arguments = ", ".join(self._walk_arguments())
        if self._name.startswith("I", self._place):
            raise Unusual
        return f"<{arguments}>"

    def _walk_arguments(self) -> Iterator[str]:
        while (letter := self._name[self._place]) != "E":
            if not self._depth:
                self._packs.append(letter == "J")
            if letter == "L":
                yield self._read_number()
            elif letter == "J":
                self._place += 1
                self._depth += 1
                yield from self._walk_arguments()
                self._depth -= 1
            else:
                yield self._read_type()
        self._place += 1

    def _read_number(self) -> str:
        """A number as a template argument: its type tells how it is written."""
        self._place += 1
        kind = self._name[self._place]
        if kind in BUILTIN:
            self._place += 1
            type_name = BUILTIN[kind]
        elif kind == "N":
            self._place += 1
            type_name = self._read_nested(is_type=True)
        elif kind == "S":
            type_name = self._read_substitute()
        else:
            type_name = self._read_unscoped(is_type=True)
        match = NUMBER.match(self._name, self._place)
        if match is None:
            raise Unusual
        self._place = match.end()
        number = f"{'-' if match[1] else ''}{match[2]}"
        if kind == "b":
            if number not in ("0", "1"):
                raise Unusual
            return "true" if number == "1" else "false"
        if kind in SUFFIXES:
            return number + SUFFIXES[kind]
        if kind in BUILTIN and kind not in CAST:
            raise Unusual
        return f"({type_name}){number}"

    def _read_type(self) -> str:
        """A type; its text is of no use among the parameters."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unusual
        text = self._read_deep_type()
        self._depth -= 1
        return text

    def _read_deep_type(self) -> str:
        letter = self._name[self._place]
        if letter in BUILTIN:
            self._place += 1
            return BUILTIN[letter]
        if letter in QUALIFIERS:
            return self._read_qualified(letter)
        if letter == "N":
            self._place += 1
            return self._read_nested(is_type=True)
        if letter.isdigit():
            return self._read_unscoped(is_type=True)
        if letter == "S":
            return self._read_known()
        return self._read_rare()

    def _read_known(self) -> str:
        """A type that begins with what has an abbreviation, or was there before."""
        two = self._name[self._place : self._place + 2]
        if two == "St":
            return self._read_unscoped(is_type=True)
        if two in STANDARD:
            self._place += 2
            text = STANDARD[two]
            if self._name[self._place] != "I":
                raise Unusual
        else:
            text = self._read_substitute()
        if self._name[self._place : self._place + 1] == "I":
            text += self._read_arguments()
            self._kept.append(text)
        return text

    def _read_rare(self) -> str:
        two = self._name[self._place : self._place + 2]
        if two in LONG_BUILTIN:
            self._place += 2
            return LONG_BUILTIN[two]
        if not self._is_behind:
            raise Unusual
        return self._pass_parameter(two[0])

    def _read_qualified(self, letter: str) -> str:
        """A pointer or a reference to a type, or one that is const or volatile."""
        self._place += 1
        words = ""
        if letter in "KV":
            words = WORDS[letter]
            if letter == "V" and self._name[self._place] == "K":
                self._place += 1
                words = WORDS["K"] + words
        text = self._read_type()
        if words:
            if text.endswith(CLOSED) and not self._is_behind:
                raise Unusual
            text += words
        else:
            if text.endswith("&") and not self._is_behind:
                raise Unusual
            text += SIGNS[letter]
        self._kept.append(text)
        return text

    def _pass_parameter(self, letter: str) -> str:
        """Pass what is usual in the types of parameters alone: what depends on the arguments."""
        match = PARAMETER.match(self._name, self._place)
        if match:
            self._place = match.end()
            number = int(match[1]) + 1 if match[1] else 0
            is_pack = self._packs[number]
            if is_pack != self._is_expanded or self._name.startswith("I", self._place):
                raise Unusual
        elif letter == "D" and self._name.startswith("Dp", self._place):
            self._place += 2
            self._is_expanded = True
            self._read_type()
            self._is_expanded = False
        elif letter == "F":
            self._place += 1
            self._read_type()  # what it returns
            self._read_type()
            while self._name[self._place] != "E":
                self._read_type()
            self._place += 1
        else:
            raise Unusual
        self._kept.append("")
        return ""
