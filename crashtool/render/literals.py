"""Any text as a literal of another language, so that what is read back is the same text."""

from __future__ import annotations

import json
from collections.abc import Callable

PIECE = 1024  # characters; MSVC takes at most 16,380 bytes in one literal (C2026)
NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def cpp_string(text: str) -> str:
    r"""A C++ literal of `text` in UTF-8, whatever the compiler takes for the execution charset.

    Octal escapes have at most three digits, so they cannot swallow what follows, as `\x` would.
    Longer texts become several literals, one a line, which the compiler joins.
    """
    return _join_pieces(text, lambda piece: '"' + _cpp_escape(piece, _octal_bytes) + '"')


def cpp_macro_string(text: str) -> str:
    """As cpp_string, for a #define, which ends with its line unless a backslash goes on with it."""
    return cpp_string(text).replace("\n", " \\\n")


def cpp_path(text: str) -> str:
    r"""A `base::FilePath` of `text`: wide on Windows, narrow elsewhere, by FILE_PATH_LITERAL.

    Universal character names (`\u00e9`) mean the same in both.
    """
    return f'base::FilePath(FILE_PATH_LITERAL("{_cpp_escape(text, _universal_name)}"))'


def cmake_string(text: str) -> str:
    """A quoted CMake argument; nothing in it is evaluated, under old policies neither."""
    for character in '\\"$@':
        text = text.replace(character, "\\" + character)
    return '"' + text.replace("\r", "\\r") + '"'


def cmake_element(text: str) -> str:
    """A quoted CMake argument for an element of a list, where `;` separates elements."""
    return cmake_string(text).replace(";", "\\;")


def fits_cmake_list(text: str) -> bool:
    r"""Whether a CMake list can hold a text: `[`, `]`, `\;` and a final `\` defeat it."""
    return bool(text) and not any(sign in text + ";" for sign in ("[", "]", "\\;"))


def toml_string(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _join_pieces(text: str, quote: Callable[[str], str]) -> str:
    starts = range(0, max(len(text), 1), PIECE)
    return "\n    ".join(quote(text[start : start + PIECE]) for start in starts)


def _cpp_escape(text: str, other: Callable[[str], str]) -> str:
    escaped = []
    for index, character in enumerate(text):
        if character in NAMED:
            escaped.append(NAMED[character])
        elif character == "?" and text[index - 1 : index] == "?":
            escaped.append("\\?")  # else `??=` and the like are trigraphs before C++17
        else:
            escaped.append(character if " " <= character <= "~" else other(character))
    return "".join(escaped)


def _octal_bytes(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def _universal_name(character: str) -> str:
    code = ord(character)
    if character < "\x80":  # no universal name may mean a basic character
        return f"\\{code:03o}"
    return f"\\u{code:04x}" if character <= "\uffff" else f"\\U{code:08x}"
