"""link.standard, .nominmax: how the code that includes Crashpad's headers is compiled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.build_sources import walk_sources
from crashtool.services.integration.doctor.builds import HEADER, Build
from crashtool.services.integration.doctor.crashpad_builds import NotConcerned, walk_builds
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning
from crashtool.services.integration.doctor.link_include import find_header

NEEDS_17 = "util/synchronization/scoped_spin_guard.h"
CXX_17 = 17
NOMINMAX = re.compile(rb"^\s*#\s*define\s+NOMINMAX\b", re.MULTILINE)


def check_standard(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The C++ standard that the headers need."""
    for build in walk_builds(subject, examination):
        root = find_header(build, HEADER)
        if root is None:
            yield skip(build.file, f"{build.shown}: Crashpad's headers are not found here")
        elif not Path(root, NEEDS_17).is_file():
            continue
        elif build.standard is None or build.standard == 0:
            yield skip(build.file, f"{build.shown}: its C++ standard is not known")
        elif build.standard < CXX_17:
            option = "/std:c++17 (LanguageStandard stdcpp17)" if build.is_msvc else "-std=c++17"
            yield failure(
                build.file,
                f"{build.shown} is compiled as C++{build.standard}, and the headers in "
                f"{root} need C++17",
                "It does not compile: is_always_lock_free and std::string_view are of C++17.",
                f"compile with {option}; CMake: target_compile_features(APP PRIVATE cxx_std_17)",
                line=build.line_of("LanguageStandard"),
            )


def check_nominmax(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """NOMINMAX where windows.h meets Crashpad's headers."""
    for build in walk_builds(subject, examination):
        if not build.is_msvc:
            raise NotConcerned("not built by Microsoft's compiler")
        if "NOMINMAX" in build.definitions or _defines(build, examination):
            continue
        if not build.knows_definitions:
            yield skip(build.file, f"{build.shown}: not all of its macros are known")
        else:
            yield warning(
                build.file,
                f"{build.shown} does not define NOMINMAX",
                "Crashpad's headers do not compile after windows.h: its macros min and max are "
                "in their way.",
                "add NOMINMAX to PreprocessorDefinitions, or define it before windows.h",
                line=build.line_of("PreprocessorDefinitions"),
            )


def _defines(build: Build, examination: Examination) -> bool:
    return any(map(NOMINMAX.search, walk_sources(build, examination)))
