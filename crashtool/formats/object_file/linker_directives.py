"""What an object tells Microsoft's linker: libraries to add, and values that must agree.

The headers of the C++ library write `/FAILIFMISMATCH:"RuntimeLibrary=MD_DynamicRelease"` into each
object (yvals.h), and a link of objects whose values differ ends with LNK2038. C objects have no
more than `/DEFAULTLIB:"MSVCRT"`.
"""

from __future__ import annotations

import re

from crashtool.formats.named_tuple import NamedTuple

# values of RuntimeLibrary (yvals_core.h) -> the compiler's option
RUNTIME_VALUES = {
    "MT_StaticRelease": "MT",
    "MTd_StaticDebug": "MTd",
    "MD_DynamicRelease": "MD",
    "MDd_DynamicDebug": "MDd",
}
RUNTIME_FILES = {"libcmt": "MT", "libcmtd": "MTd", "msvcrt": "MD", "msvcrtd": "MDd"}

MAX_VALUES = 10_000  # of one kind in one object
OPTION = re.compile(r'[/-](defaultlib|failifmismatch):("[^"]*"|\S+)', re.IGNORECASE)


class Directives(NamedTuple):
    """The directives of an object that matter between objects.

    `libraries`: names in lower case, without .lib. `values`: of /FAILIFMISMATCH, by name.
    """

    libraries: frozenset[str] = frozenset()
    values: tuple[tuple[str, str], ...] = ()

    def find(self, name: str) -> str:
        """A value that must agree, "" when the object does not tell it."""
        return dict(self.values).get(name, "")

    @property
    def runtime(self) -> str:
        """The C runtime that the object was compiled for: MT, MTd, MD or MDd; "" if unknown."""
        stated = RUNTIME_VALUES.get(self.find("RuntimeLibrary"), "")
        runtimes = sorted({RUNTIME_FILES[name] for name in self.libraries if name in RUNTIME_FILES})
        return stated or (runtimes[0] if len(runtimes) == 1 else "")

    @property
    def iterator_debug_level(self) -> str:
        """_ITERATOR_DEBUG_LEVEL, "0", "1" or "2"; "" if unknown."""
        return self.find("_ITERATOR_DEBUG_LEVEL")


def parse_directives(text: bytes) -> Directives:
    """The directives in a .drectve section."""
    libraries = set()
    values: dict[str, str] = {}
    for option in OPTION.finditer(text.decode("utf-8", "replace")):
        value = option.group(2).strip('"')
        if option.group(1).lower() == "defaultlib":
            libraries.add(value.lower().removesuffix(".lib"))
        else:
            name, _, stated = value.partition("=")
            values[name] = stated
        if len(libraries) + len(values) >= MAX_VALUES:
            break
    return Directives(frozenset(libraries), tuple(sorted(values.items())))
