"""link.libraries: all libraries that the client of a distribution needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crashtool.formats.crashpad.client.layouts import LAYOUTS, WINDOWS, ClientLayout
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.build_sources import find_pragmas
from crashtool.services.integration.doctor.builds import Build
from crashtool.services.integration.doctor.crashpad_builds import (
    find_client,
    list_libraries,
    walk_builds,
)
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning

OUT = "{out}"


def check_libraries(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
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
            yield from _assess_libraries(build, client, examination)


def _assess_libraries(build: Build, client: str, examination: Examination) -> Iterator[CheckResult]:
    """Those that lie where a layout has them, and are not linked.

    vcpkg's integration links all of its folder by itself, which a project does not show.
    """
    linked = {*(build.names or ()), *find_pragmas(build, examination)}
    for layout, missing in _walk_missing(client, linked):
        names = ", ".join(Path(path).name for path in missing)
        tell = warning if layout.name == "vcpkg" else failure
        yield tell(
            build.file,
            f"{build.shown} links {Path(client).name} but not {names}",
            "It does not link: LNK2019, unresolved external symbols such as "
            "CrashReportDatabase::Initialize or base::FilePath.",
            f"add {names} (in {Path(missing[0]).parent}) after {Path(client).name}",
            line=build.line_of("AdditionalDependencies"),
        )
        return


def _walk_missing(client: str, linked: set[str]) -> Iterator[tuple[ClientLayout, list[str]]]:
    for layout in LAYOUTS.values():
        own = next(
            (
                candidate
                for candidate in layout.libraries
                if Path(client).stem.lower().removeprefix("lib")
                in (candidate.name, *candidate.other_names)
            ),
            None,
        )
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
