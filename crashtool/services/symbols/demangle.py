"""Readable function names: Itanium C++, MSVC, Rust, Swift and D, by way of demangle."""

from __future__ import annotations

from functools import lru_cache

from crashtool.errors import MissingLibrary
from crashtool.formats.itanium_names import read_plain_name

# What compilers append to the name of a copy or a part of a function: it is still that function.
PART_SUFFIXES = (".cold", ".part", ".isra", ".constprop", ".lto_priv", ".llvm")
SCHEMES = {
    "_Z": ("itanium", "rust"),
    "__Z": ("itanium", "rust"),
    "___Z": ("itanium", "rust"),
    "_R": ("rust",),
    "?": ("msvc",),
    "$s": ("swift",),
    "_$s": ("swift",),
    "$S": ("swift",),
    "_T0": ("swift",),
    "_D": ("d",),
}
RUST_HASH = "17h"  # what ends a name of Rust's older scheme: 17 letters, the first of them h
MAX_NAME_LENGTH = 1 << 14


@lru_cache(maxsize=1 << 14)
def demangle(name: str) -> str:
    """The qualified name as source code has it, without parameters, as PDBs have them too.

    `name` itself when it is not mangled or cannot be read.
    """
    name = _without_part(name)
    if name.startswith("Z"):  # the underscore is missing where MinGW's names were read
        readable = demangle("_" + name)
        return name if readable == "_" + name else readable
    prefix = next((prefix for prefix in SCHEMES if name.startswith(prefix)), None)
    if prefix is None or len(name) > MAX_NAME_LENGTH:
        return name
    languages = SCHEMES[prefix]
    if "itanium" in languages and RUST_HASH not in name:
        if plain := read_plain_name(name):
            return plain
        from crashtool.formats.itanium_templates import read_template_name  # most calls need none

        if usual := read_template_name(name):
            return usual
        languages = ("itanium",)  # the scheme of Rust is not loaded for names of C++
    return _spell(name, languages)


@lru_cache(maxsize=1)
def find_loss() -> MissingLibrary | None:
    """What keeps names from being made readable, if anything: they are shown as they are then."""
    try:
        import demangle  # noqa: F401 (whether it can be)
    except (ImportError, OSError) as error:
        reason = "" if isinstance(error, ModuleNotFoundError) else str(error)
        return MissingLibrary("demangle", "names are shown as compilers mangle them", reason)
    return None


def _spell(name: str, languages: tuple[str, ...]) -> str:
    if find_loss():
        return name
    from demangle import DemanglingError, signature

    try:
        spelled = signature(name, language=languages)
    except DemanglingError:
        return name
    return _part_less((spelled.demangled if spelled.is_special else spelled.qualified_name) or name)


def _part_less(name: str) -> str:
    """A template's operator < apart from its arguments: operator< <int>, not operator<<int>."""
    head, mark, tail = name.partition("operator<<")
    if not mark:
        return name
    depth = 0
    for letter in tail:
        depth += (letter == "<") - (letter == ">")
        if depth < 0:  # the second < was opened there
            return f"{head}operator< <{_part_less(tail)}"
    return f"{head}operator<<{_part_less(tail)}"


def _without_part(name: str) -> str:
    """The name without `.cold`, `.part.0`, `.isra.0.cold` and the like."""
    while True:
        head, dot, tail = name.rpartition(".")
        if dot and head and tail.isdigit():
            candidate, dot, tail = head.rpartition(".")
            if not dot or "." + tail not in PART_SUFFIXES:
                return name
            head = candidate
        elif not dot or "." + tail not in PART_SUFFIXES:
            return name
        if not head:
            return name
        name = head
