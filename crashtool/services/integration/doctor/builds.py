"""How a program that has Crashpad's client is built, whichever build system says so."""

from __future__ import annotations

import re

from crashtool.formats.cmake.build_lines import LinkLine
from crashtool.formats.msbuild.configuration import Configuration
from crashtool.formats.named_tuple import NamedTuple

# Names of libraries that only Crashpad has; others are known by where they lie, or by content.
OWN_NAME = re.compile(r"(?:lib)?crashpad[_-]?(?:client|util|compat|client_common|handler_lib)?d?$")
CLIENT_NAMES = ("client", "libclient", "crashpad_client", "libcrashpad_client")
HEADER = "client/crashpad_client.h"


class Build(NamedTuple):
    """One configuration or target. What is not known is "" or None.

    `file`: what findings name; `title`: the configuration or target. `runtime`: MT, MTd, MD, MDd.
    `names`: all static libraries that are linked, in lower case without suffix, None if they are
    not all known. `libraries`: the paths of Crashpad's. `library_dirs`: where those
    are looked for that sources name. `include_dirs`: those that can be looked
    at here; `knows_includes`: they are all. `definitions`: macros; `knows_definitions`: all.
    `standard`: of C++, as 17; 0 for the compiler's own default. `is_release`: users get it.
    `lines`: where in `file` settings stand, by their names in MSBuild.
    """

    file: str
    title: str
    is_msvc: bool
    runtime: str = ""
    iterator_level: str = ""
    architecture: str = ""
    toolset: str = ""
    standard: int | None = None
    definitions: frozenset[str] = frozenset()
    knows_definitions: bool = False
    include_dirs: tuple[str, ...] = ()
    knows_includes: bool = False
    names: tuple[str, ...] | None = None
    libraries: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    is_linked: bool = True
    is_release: bool = False
    configuration: Configuration | None = None
    link: LinkLine | None = None
    compile_words: tuple[str, ...] = ()
    compiler: str = ""
    lines: tuple[tuple[str, int], ...] = ()

    def line_of(self, name: str) -> int | None:
        """The line of a setting, None when it is nowhere or elsewhere."""
        return dict(self.lines).get(name)

    @property
    def shown(self) -> str:
        """The configuration in a sentence."""
        return self.title or "each configuration"
