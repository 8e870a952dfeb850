"""The builds that have to do with Crashpad, and which of their libraries are Crashpad's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.archives import ar_file
from crashtool.formats.crashpad.markers import NAME
from crashtool.model.doctor import CMAKE_BUILD, SOURCE, CheckResult, Subject
from crashtool.services.integration.doctor.build_sources import find_pragmas
from crashtool.services.integration.doctor.builds import CLIENT_NAMES, HEADER, OWN_NAME, Build
from crashtool.services.integration.doctor.cmake_builds import read_cmake_builds
from crashtool.services.integration.doctor.examination import Examination, Run
from crashtool.services.integration.doctor.findings import skip
from crashtool.services.integration.doctor.msbuild_builds import (
    PROJECT_SUFFIX,
    read_msbuild_builds,
)
from crashtool.services.integration.doctor.project_paths import locate
from crashtool.services.symbols.mapped_file import map_file


class NotConcerned(InputUnusable):
    """A subject that a check has nothing to say of, and why: no reason to trouble the user."""


def tell_quietly(run: Run) -> Run:
    """A check whose NotConcerned is a skip that only --verbose shows."""

    def run_quietly(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
        try:
            yield from run(subject, examination)
        except NotConcerned as error:
            yield skip("", f"{subject.path}: {error.what}")

    return run_quietly


def walk_builds(subject: Subject, examination: Examination) -> Iterator[Build]:
    """The builds of a project or build folder that use Crashpad, of the configuration that was
    asked for. NotConcerned when there are none.
    """
    if subject.kind == CMAKE_BUILD:
        builds = examination.recall(read_cmake_builds, subject.path)
    elif subject.path.lower().endswith(PROJECT_SUFFIX):
        builds = examination.recall(read_msbuild_builds, subject.path)
    else:
        raise NotConcerned("a property sheet: looked at with the projects that import it")
    wanted = examination.options.configuration.lower()
    used = [build for build in builds if uses_crashpad(build, examination)]
    if not used:
        raise NotConcerned("no Crashpad library is known to be built here")
    chosen = [build for build in used if _is_wanted(build, wanted)]
    if not chosen:
        raise NotConcerned(f"there is no configuration {examination.options.configuration}")
    yield from chosen


def _is_wanted(build: Build, wanted: str) -> bool:
    title = build.title.lower()
    return not wanted or title == wanted or wanted in (title.partition("|")[0], *title.split())


def uses_crashpad(build: Build, examination: Examination) -> bool:
    """Whether a build has anything of Crashpad: a library, a header's folder, a call."""
    calling = {os.path.abspath(subject.path) for subject in examination.of_kind(SOURCE)}  # noqa: PTH100
    return (
        any(OWN_NAME.match(name) for name in build.names or ())
        or bool(list_libraries(build, examination))
        or any(os.path.isfile(os.path.join(path, HEADER)) for path in build.include_dirs)  # noqa: PTH113, PTH118
        or any(source in calling for source in build.sources)
    )


def list_libraries(build: Build, examination: Examination) -> list[str]:
    """The paths of Crashpad's libraries among those that are linked.

    Crashpad's is what has its sources' names in it, and what lies beside such a one.
    """
    linked = tuple(dict.fromkeys((*build.libraries, *_find_named_by_sources(build, examination))))
    sure = [path for path in linked if examination.recall(is_crashpad, path)]
    folders = {Path(path).parent for path in sure}
    return [path for path in linked if path in sure or Path(path).parent in folders]


def _find_named_by_sources(build: Build, examination: Examination) -> Iterator[str]:
    """Libraries of `#pragma comment(lib, ...)`, in the first of the linker's folders with them."""
    if not build.library_dirs:
        return
    for name in sorted(find_pragmas(build, examination)):
        paths = (locate(folder, f"{name}.lib") for folder in build.library_dirs)
        if path := next((path for path in paths if path and Path(path).is_file()), None):
            yield path


def is_crashpad(path: str) -> bool:
    """Whether a static library has Crashpad's sources in it."""
    try:
        content = map_file(path)
    except InputUnusable:
        return False
    magic = bytes(content[: len(ar_file.MAGIC)])
    return magic in (ar_file.MAGIC, ar_file.THIN_MAGIC) and content.find(NAME) >= 0


def find_client(libraries: list[str]) -> str:
    """The library with StartHandler in it; "" when none has one of its names."""
    return next((path for path in libraries if Path(path).stem.lower() in CLIENT_NAMES), "")
