"""link.libraries, .include, .standard, .nominmax: what the compiler and linker are given."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.client.layouts import LAYOUTS, WINDOWS, Layout
from crashtool.formats.regular_file import open_regular
from crashtool.model.doctor import Finding, Subject
from crashtool.services.integration.doctor.builds import HEADER, Build
from crashtool.services.integration.doctor.crashpad_builds import (
    NotConcerned,
    find_client,
    list_libraries,
    walk_builds,
)
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning

HEADERS = ("base/files/file_path.h", "build/build_config.h")
GENERATED = "build/chromeos_buildflags.h"
ASKS_FOR_GENERATED = re.compile(
    rb'^\s*#\s*include\s*["<]build/chromeos_buildflags\.h[">]', re.MULTILINE
)
NEEDS_17 = "util/synchronization/scoped_spin_guard.h"
CXX_17 = 17
MINI_CHROMIUM = "third_party/mini_chromium/mini_chromium"
PRAGMA = re.compile(rb'#\s*pragma\s+comment\s*\(\s*lib\s*,\s*L?"([^"\n]{1,256})"')
INCLUDES_CLIENT = re.compile(
    rb'^\s*#\s*include\s*["<][^">\n]*client/crashpad_client\.h[">]', re.MULTILINE
)
NOMINMAX = re.compile(rb"^\s*#\s*define\s+NOMINMAX\b", re.MULTILINE)
OUT = "{out}"
MAX_SOURCES, MAX_SOURCE = 500, 4 << 20
MAX_HEADERS, MAX_HEADER = 400, 1 << 20


def check_libraries(subject: Subject, examination: Examination) -> Iterator[Finding]:
    """All libraries that the client of this distribution needs."""
    for build in walk_builds(subject, examination):
        if not build.is_linked:
            continue
        client = find_client(list_libraries(build, examination))
        if not client:
            yield skip(build.file, f"{build.shown}: the client's library is not found here")
        elif build.names is None:
            yield skip(build.file, f"{build.shown}: not all that is linked is known")
        else:
            yield from _judge_libraries(build, client, examination)


def _judge_libraries(build: Build, client: str, examination: Examination) -> Iterator[Finding]:
    """Those that lie where a layout has them, and are not linked.

    vcpkg's integration links all of its folder by itself, which a project does not show.
    """
    linked = {*(build.names or ()), *_find_pragmas(build, examination)}
    for layout, missing in _walk_missing(client, linked):
        names = ", ".join(Path(path).name for path in missing)
        tell = warning if layout.name == "vcpkg" else failure
        yield tell(
            build.file, f"{build.shown} links {Path(client).name} but not {names}",
            "It does not link: LNK2019, unresolved external symbols such as "
            "CrashReportDatabase::Initialize or base::FilePath.",
            f"add {names} (in {Path(missing[0]).parent}) after {Path(client).name}",
            line=build.line_of("AdditionalDependencies"),
        )  # fmt: skip
        return


def _walk_missing(client: str, linked: set[str]) -> Iterator[tuple[Layout, list[str]]]:
    for layout in LAYOUTS.values():
        own = next((row for row in layout.libraries if Path(client).stem.lower().removeprefix("lib")
                    in (row.name, *row.other_names)), None)  # fmt: skip
        root = _find_root(client, own.folder) if own else None
        if own is None or root is None or len(layout.libraries) == 1:
            continue
        suffix = Path(client).suffix
        missing = []
        for library in layout.libraries:
            names = {library.name, *library.other_names}
            if WINDOWS not in library.platforms or names & linked:
                continue
            for name in (library.name, *library.other_names):
                file = f"{name}{suffix}" if suffix == ".lib" else f"lib{name}{suffix}"
                path = root / _fill(library.folder, client) / file
                if path.is_file():
                    missing.append(str(path))
                    break
        if missing:
            yield layout, missing


def _find_root(client: str, folder: str) -> Path | None:
    """What the layout's folders are relative to, where the client's own folder in it is `folder`.

    That is the folder of the build where there is one: `{out}`.
    """
    here = Path(client).absolute().parent
    for part in reversed(_split(folder)):
        fixed = part.partition("{")[0].lower()
        name = here.name.lower()
        if name != fixed and not ("{" in part and name.startswith(fixed)):
            return None
        here = here.parent
    return here


def _split(folder: str) -> list[str]:
    return [part for part in folder.split("/") if part not in ("", ".", OUT)]


def _fill(folder: str, client: str) -> str:
    """A layout's folder, with the client's own for the part that varies."""
    name = Path(client).absolute().parent.name
    return "/".join(name if "{" in part else part for part in _split(folder))


def _find_pragmas(build: Build, examination: Examination) -> set[str]:
    """Libraries that sources name by #pragma comment(lib, ...)."""
    found = set()
    for path in build.sources[:MAX_SOURCES]:
        for name in PRAGMA.findall(examination.recall(_read_source, path)):
            found.add(Path(name.decode("utf-8", "replace").lower()).name.removesuffix(".lib"))
    return found


def _read_source(path: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(MAX_SOURCE)
    except (OSError, InputUnusable):
        return b""


def check_include(subject: Subject, examination: Examination) -> Iterator[Finding]:
    """Folders that are there, and hold all headers that Crashpad's own include."""
    for build in walk_builds(subject, examination):
        yield from _judge_gone(build)
        root = _find_header(build, HEADER)
        if root is None:
            if _is_whole(build) and _includes_client(build, examination):
                yield failure(
                    build.file, f"{build.shown}: none of its include folders holds {HEADER}",
                    f"It does not compile: {HEADER}: No such file.",
                    "add Crashpad's folder, and the one of mini_chromium beside or below it",
                    line=build.line_of("AdditionalIncludeDirectories"),
                )  # fmt: skip
            else:
                yield skip(build.file, f"{build.shown}: not all include folders can be looked at")
            continue
        yield from _judge_headers(build, root, examination)


def _is_whole(build: Build) -> bool:
    """Whether the folders that are known are all that the compiler gets.

    Package managers (vcpkg, NuGet) add theirs to a project of Visual Studio without a word in it:
    only one that names a folder of Crashpad does without them.
    """
    named = any(_is_crashpads(build, path) for path in build.include_dirs)
    return build.knows_includes and (build.link is not None or named)


def _is_crashpads(build: Build, path: str) -> bool:
    """Whether a folder is called after Crashpad, apart from what the project itself is in."""
    try:
        own = os.path.relpath(path, Path(build.file).absolute().parent)
    except ValueError:  # on another drive
        own = path
    return "crashpad" in own.lower()


def _includes_client(build: Build, examination: Examination) -> bool:
    """Whether a source is known to need the header: a program may only link who does."""
    return any(
        INCLUDES_CLIENT.search(examination.recall(_read_source, path))
        for path in build.sources[:MAX_SOURCES]
    )


def _judge_gone(build: Build) -> Iterator[Finding]:
    for path in build.include_dirs:
        if _is_crashpads(build, path) and not Path(path).is_dir():
            yield failure(
                build.file, f"{build.shown}: the include folder {path} does not exist",
                "It does not compile: Crashpad's headers are not found.",
                "correct the path, or fetch Crashpad",
                line=build.line_of("AdditionalIncludeDirectories"),
            )  # fmt: skip


def _find_header(build: Build, name: str) -> str | None:
    return next((path for path in build.include_dirs if Path(path, name).is_file()), None)


def _judge_headers(build: Build, root: str, examination: Examination) -> Iterator[Finding]:
    missing = [name for name in HEADERS if _find_header(build, name) is None]
    line = build.line_of("AdditionalIncludeDirectories")
    if missing and not build.knows_includes:
        yield skip(build.file, f"{build.shown}: not all include folders can be looked at")
    elif missing:
        yield failure(
            build.file, f"{build.shown}: none of its include folders holds {missing[0]}",
            f"It does not compile: {missing[0]}: No such file.",
            f"add the folder of mini_chromium: {_advise_folder(root)}", line=line,
        )  # fmt: skip
        return
    dirs = [path for name in (HEADER, *HEADERS) if (path := _find_header(build, name))]
    asks = any(examination.recall(asks_for_generated, path) for path in dict.fromkeys(dirs))
    if asks and _find_header(build, GENERATED) is None and build.knows_includes:
        yield failure(
            build.file, f"{build.shown}: none of its include folders holds {GENERATED}",
            f"It does not compile: {GENERATED}: No such file. GN makes it in the folder of the "
            "build; git does not have it.",
            "add out/CONFIG/gen of the GN build, or a header of that name: its two macros are (0)",
            line=line,
        )  # fmt: skip


def _advise_folder(root: str) -> str:
    for name in (MINI_CHROMIUM, "mini_chromium"):
        if Path(root, name).is_dir():
            return str(Path(root, name))
    return str(Path(root, MINI_CHROMIUM))


def asks_for_generated(root: str) -> bool:
    """Whether a header below client, base or build includes the one that GN makes."""
    count = 0
    for folder in ("client", "base", "build"):
        for path in sorted(Path(root, folder).rglob("*.h")):
            count += 1
            if count > MAX_HEADERS:
                return False
            try:
                with open_regular(path) as file:
                    if ASKS_FOR_GENERATED.search(file.read(MAX_HEADER)):
                        return True
            except (OSError, InputUnusable):
                continue
    return False


def check_standard(subject: Subject, examination: Examination) -> Iterator[Finding]:
    """The C++ standard that the headers need."""
    for build in walk_builds(subject, examination):
        root = _find_header(build, HEADER)
        if root is None:
            yield skip(build.file, f"{build.shown}: Crashpad's headers are not found here")
        elif not Path(root, NEEDS_17).is_file():
            continue
        elif build.standard is None or build.standard == 0:
            yield skip(build.file, f"{build.shown}: its C++ standard is not known")
        elif build.standard < CXX_17:
            option = "/std:c++17 (LanguageStandard stdcpp17)" if build.is_msvc else "-std=c++17"
            yield failure(
                build.file, f"{build.shown} is compiled as C++{build.standard}, and the headers in "
                f"{root} need C++17",
                "It does not compile: is_always_lock_free and std::string_view are of C++17.",
                f"compile with {option}; CMake: target_compile_features(APP PRIVATE cxx_std_17)",
                line=build.line_of("LanguageStandard"),
            )  # fmt: skip


def check_nominmax(subject: Subject, examination: Examination) -> Iterator[Finding]:
    """NOMINMAX where windows.h meets Crashpad's headers."""
    for build in walk_builds(subject, examination):
        if not build.is_msvc:
            raise NotConcerned("not built by Microsoft's compiler")
        if build.definitions is None:
            yield skip(build.file, f"{build.shown}: not all of its macros are known")
        elif "NOMINMAX" not in build.definitions and not _defines(build, examination):
            yield warning(
                build.file, f"{build.shown} does not define NOMINMAX",
                "Crashpad's headers do not compile after windows.h: its macros min and max are "
                "in their way.",
                "add NOMINMAX to PreprocessorDefinitions, or define it before windows.h",
                line=build.line_of("PreprocessorDefinitions"),
            )  # fmt: skip


def _defines(build: Build, examination: Examination) -> bool:
    return any(
        NOMINMAX.search(examination.recall(_read_source, path))
        for path in build.sources[:MAX_SOURCES]
    )
