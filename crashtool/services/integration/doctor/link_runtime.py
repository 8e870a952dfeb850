"""link.crt, .iterator, .machine, .ltcg, .stl: Crashpad's libraries against the code they go into.

They say before the linker would what it says as LNK2038, LNK1112, C1900 or LNK2001.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.model.doctor import CRASHPAD_LIBRARY, CheckResult, Subject
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.crashpad_builds import (
    NotConcerned,
    list_libraries,
    walk_builds,
)
from crashtool.services.integration.doctor.crashpad_library import LibraryFacts, read_library
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, note, skip, warning

Judge = Callable[[Build, str, LibraryFacts, Examination], Iterator[CheckResult]]
# Entry points that Microsoft's STL has since Visual Studio 2022 (microsoft/STL, vector_algorithms)
NEWER_STL = (
    "__std_find_",
    "__std_count_",
    "__std_minmax_",
    "__std_min_",
    "__std_max_",
    "__std_remove_",
    "__std_search_",
    "__std_mismatch_",
    "__std_replace_",
    "__std_bitset_",
    "__std_unique_",
    "__std_tzdb_",
    "__std_rotate",
)
OLDER_TOOLSETS = ("v140", "v141", "v142")  # Visual Studio 2015, 2017, 2019


def check_crt(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """One C runtime for all: /MT, /MTd, /MD or /MDd."""
    yield from _compare(subject, examination, _assess_crt)


def check_iterator(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """One _ITERATOR_DEBUG_LEVEL for all, where the C runtime is one."""
    yield from _compare(subject, examination, _assess_iterator)


def check_machine(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """One processor for all."""
    yield from _compare(subject, examination, _assess_machine)


def check_ltcg(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """No objects of link-time code generation, which only their own compiler can finish."""
    yield from _look_at_libraries(subject, examination, _assess_ltcg)


def check_stl(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """No entry points of an STL newer than the toolset that links."""
    yield from _look_at_libraries(subject, examination, _assess_stl)


def _compare(subject: Subject, examination: Examination, assess: Judge) -> Iterator[CheckResult]:
    """Each Microsoft build of a subject with each of its libraries of Crashpad that can be read."""
    compared = False
    for build in walk_builds(subject, examination):
        if not build.is_msvc:
            raise NotConcerned("not built by Microsoft's compiler")
        for path in list_libraries(build, examination):
            compared = True
            try:
                facts = examination.recall(read_library, path)
            except InputUnusable as error:
                yield skip(path, error.what)
                continue
            yield from assess(build, path, facts, examination)
    if not compared:
        raise InputUnusable("the Crashpad libraries that are linked are not found on this machine")


def _assess_crt(
    build: Build, path: str, facts: LibraryFacts, examination: Examination
) -> Iterator[CheckResult]:
    name = Path(path).name
    if len(facts.runtimes) > 1:
        yield warning(
            path,
            f"has objects for {_options(facts.runtimes)} in one library",
            "The linker refuses two of them in one program (LNK2038).",
            "build the library again, all of it with one of them",
        )
    elif facts.runtimes and not build.runtime:
        yield skip(build.file, f"{build.shown}: its own C runtime is not known")
    elif facts.runtimes and build.runtime not in facts.runtimes:
        (runtime,) = facts.runtimes
        yield failure(
            build.file,
            f"{build.shown} is compiled with /{build.runtime}, {name} with /{runtime}",
            "It does not link: LNK2038, mismatch detected for 'RuntimeLibrary'.",
            _advise_library(build.runtime, path, examination),
            line=build.line_of("RuntimeLibrary"),
        )


def _advise_library(runtime: str, path: str, examination: Examination) -> str:
    """The library of the same name that fits, where one was found; else how to make one."""
    for subject in examination.of_kind(CRASHPAD_LIBRARY):
        if Path(subject.path).name.lower() != Path(path).name.lower():
            continue
        try:
            facts = examination.recall(read_library, subject.path)
        except (InputUnusable, OSError):
            continue
        if facts.runtimes == {runtime}:
            return f"link {subject.path}, or compile with the runtime that {path} has"
    for sibling in _walk_siblings(path):
        try:
            if examination.recall(read_library, sibling).runtimes == {runtime}:
                return f"link {sibling}"
        except (InputUnusable, OSError):
            continue
    return f"build Crashpad with /{runtime}, or compile with the runtime that {path} has"


def _walk_siblings(path: str) -> Iterator[str]:
    """Files of the same name in neighbouring folders: lib_mt and lib_md, lib and debug/lib."""
    library = Path(path)
    for above in (library.parent.parent, library.parent.parent.parent):
        if above == above.parent:
            return
        for pattern in ("*", "*/*"):
            for count, sibling in enumerate(sorted(above.glob(f"{pattern}/{library.name}"))):
                if count < 20 and sibling != library:  # noqa: PLR2004 (enough to advise)
                    yield str(sibling)


def _assess_iterator(
    build: Build, path: str, facts: LibraryFacts, _: Examination
) -> Iterator[CheckResult]:
    if not build.runtime or not build.iterator_level:
        yield skip(build.file, f"{build.shown}: its own _ITERATOR_DEBUG_LEVEL is not known")
        return
    differs = facts.iterator_levels and build.iterator_level not in facts.iterator_levels
    if differs and facts.runtimes <= {build.runtime}:
        level = " and ".join(sorted(facts.iterator_levels))
        yield failure(
            build.file,
            f"{build.shown} has _ITERATOR_DEBUG_LEVEL={build.iterator_level}, "
            f"{Path(path).name} has {level}",
            "It does not link: LNK2038, mismatch detected for '_ITERATOR_DEBUG_LEVEL'.",
            f"define _ITERATOR_DEBUG_LEVEL={level} in the project, or build Crashpad with "
            f"{build.iterator_level}",
            line=build.line_of("PreprocessorDefinitions"),
        )


def _assess_machine(
    build: Build, path: str, facts: LibraryFacts, _: Examination
) -> Iterator[CheckResult]:
    wanted = {"arm64ec": {"x86_64", "arm64"}}.get(build.architecture, {build.architecture})
    if not build.architecture:
        yield skip(build.file, f"{build.shown}: the processor is not known")
    elif facts.architectures and not facts.architectures & wanted:
        machine = " and ".join(sorted(facts.architectures))
        yield failure(
            build.file,
            f"{build.shown} is for {build.architecture}, {Path(path).name} for {machine}",
            "It does not link: LNK1112 or LNK4272, and unresolved external symbols.",
            f"link a Crashpad that was built for {build.architecture}",
            line=build.line_of("AdditionalLibraryDirectories"),
        )


def _options(runtimes: frozenset[str]) -> str:
    return " and ".join(f"/{runtime}" for runtime in sorted(runtimes))


KNOWN = "known"  # instead of a toolset: the library is told of by itself
LibraryJudge = Callable[[str, LibraryFacts, str], Iterator[CheckResult]]


def _look_at_libraries(
    subject: Subject, examination: Examination, assess: LibraryJudge
) -> Iterator[CheckResult]:
    """Libraries that were found by themselves, and those of a project: each once for a toolset."""
    if subject.kind == CRASHPAD_LIBRARY:
        yield from assess(subject.path, examination.recall(read_library, subject.path), "")
        return
    paths = {Path(sighting.path).absolute() for sighting in examination.of_kind(CRASHPAD_LIBRARY)}
    seen = set()
    for build in walk_builds(subject, examination):
        for path in list_libraries(build, examination):
            toolset = build.toolset or ("" if Path(path).absolute() not in paths else KNOWN)
            if (path, toolset) in seen or (
                assess is _assess_ltcg and Path(path).absolute() in paths
            ):
                continue
            seen.add((path, toolset))
            try:
                facts = examination.recall(read_library, path)
            except InputUnusable as error:
                yield skip(path, error.what)
                continue
            yield from assess(path, facts, toolset)


def _assess_ltcg(path: str, facts: LibraryFacts, _: str) -> Iterator[CheckResult]:
    if facts.whole_program:
        yield warning(
            path,
            f"{facts.whole_program} of {facts.objects} objects are for link-time code generation "
            "(/GL, -flto)",
            "Only the very compiler that made them can link them (C1900, C1047); their C runtime "
            "is unknown.",
            "build Crashpad without /GL, or take lib_nogl where the distribution has it",
        )


def _assess_stl(path: str, facts: LibraryFacts, toolset: str) -> Iterator[CheckResult]:
    newer = sorted(name for name in facts.stl_calls if name.startswith(NEWER_STL))
    if not newer:
        return
    if toolset in OLDER_TOOLSETS:
        yield warning(
            path,
            f"was built by a newer Visual C++ than {toolset}: it calls {newer[0]}",
            f"It does not link: LNK2001 or LNK2019, unresolved external symbol {newer[0]}.",
            f"link with the toolset that made it, or build Crashpad with {toolset}",
        )
    elif not toolset:
        yield note(
            path,
            f"calls {newer[0]}, which only the STL of Visual Studio 2022 and later has",
            "An older toolset does not link it (LNK2001).",
        )
