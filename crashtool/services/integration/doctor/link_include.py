"""link.include: folders that are there, and hold all headers that Crashpad's own include."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.regular_file import open_regular
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.build_sources import walk_sources
from crashtool.services.integration.doctor.builds import HEADER, Build
from crashtool.services.integration.doctor.crashpad_builds import walk_builds
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip

HEADERS = ("base/files/file_path.h", "build/build_config.h")
GENERATED = "build/chromeos_buildflags.h"
ASKS_FOR_GENERATED = re.compile(
    rb'^\s*#\s*include\s*["<]build/chromeos_buildflags\.h[">]', re.MULTILINE
)
INCLUDES_CLIENT = re.compile(
    rb'^\s*#\s*include\s*["<][^">\n]*client/crashpad_client\.h[">]', re.MULTILINE
)
MINI_CHROMIUM = "third_party/mini_chromium/mini_chromium"
ASKING = ("client/*.h", "build/*.h", "base/*.h", "base/*/*.h")
MAX_HEADERS, MAX_HEADER = 400, 1 << 20


def check_include(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Folders that are there, and hold all headers that Crashpad's own include."""
    for build in walk_builds(subject, examination):
        yield from _assess_gone(build)
        root = find_header(build, HEADER)
        if root is None:
            if _is_whole(build) and _includes_client(build, examination):
                yield failure(
                    build.file,
                    f"{build.shown}: none of its include folders holds {HEADER}",
                    f"It does not compile: {HEADER}: No such file.",
                    "add Crashpad's folder, and the one of mini_chromium beside or below it",
                    line=build.line_of("AdditionalIncludeDirectories"),
                )
            else:
                yield skip(build.file, f"{build.shown}: not all include folders can be looked at")
            continue
        yield from _assess_headers(build, root, examination)


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
    return any(map(INCLUDES_CLIENT.search, walk_sources(build, examination)))


def _assess_gone(build: Build) -> Iterator[CheckResult]:
    for path in build.include_dirs:
        if _is_crashpads(build, path) and not Path(path).is_dir():
            yield failure(
                build.file,
                f"{build.shown}: the include folder {path} does not exist",
                "It does not compile: Crashpad's headers are not found.",
                "correct the path, or fetch Crashpad",
                line=build.line_of("AdditionalIncludeDirectories"),
            )


def find_header(build: Build, name: str) -> str | None:
    """The include folder that holds a header; None without one."""
    return next((path for path in build.include_dirs if Path(path, name).is_file()), None)


def _assess_headers(build: Build, root: str, examination: Examination) -> Iterator[CheckResult]:
    missing = [name for name in HEADERS if find_header(build, name) is None]
    line = build.line_of("AdditionalIncludeDirectories")
    if missing and not build.knows_includes:
        yield skip(build.file, f"{build.shown}: not all include folders can be looked at")
    elif missing:
        yield failure(
            build.file,
            f"{build.shown}: none of its include folders holds {missing[0]}",
            f"It does not compile: {missing[0]}: No such file.",
            f"add the folder of mini_chromium: {_advise_folder(root)}",
            line=line,
        )
        return
    dirs = [path for name in (HEADER, *HEADERS) if (path := find_header(build, name))]
    asks = any(examination.recall(asks_for_generated, path) for path in dict.fromkeys(dirs))
    if asks and find_header(build, GENERATED) is None and build.knows_includes:
        yield failure(
            build.file,
            f"{build.shown}: none of its include folders holds {GENERATED}",
            f"It does not compile: {GENERATED}: No such file. GN makes it in the folder of the "
            "build; git does not have it.",
            "add out/CONFIG/gen of the GN build, or a header of that name: its two macros are (0)",
            line=line,
        )


def _advise_folder(root: str) -> str:
    for name in (MINI_CHROMIUM, "mini_chromium"):
        if Path(root, name).is_dir():
            return str(Path(root, name))
    return str(Path(root, MINI_CHROMIUM))


def asks_for_generated(root: str) -> bool:
    """Whether a header of client, base or build includes the one that GN makes."""
    paths = (path for pattern in ASKING for path in sorted(Path(root).glob(pattern)))
    for path in islice(paths, MAX_HEADERS):
        try:
            with open_regular(path) as file:
                if ASKS_FOR_GENERATED.search(file.read(MAX_HEADER)):
                    return True
        except (OSError, InputUnusable):
            continue
    return False
