"""Which of the ways to have Crashpad a folder is."""

from __future__ import annotations

from pathlib import Path

from crashtool.errors import NothingFound, UsageError
from crashtool.formats.crashpad.client.layouts import LAYOUTS, ClientLayout, find_layouts


def choose_layouts(
    fork: str, platforms: tuple[str, ...], folder: str, name: str = ""
) -> dict[str, ClientLayout]:
    """The layout for each platform: the one named, that of the folder, or the fork's usual one.

    Platforms that it has nothing for are left out. UsageError when none is left, or the folder is
    of another fork; NothingFound when it holds no Crashpad.
    """
    if name or folder:
        layout = LAYOUTS[name] if name else find_layout(Path(folder))
        if fork not in layout.forks:
            raise UsageError(
                f"{folder or name} is Crashpad of {' or '.join(layout.forks)} ({layout.meaning}), "
                f"not of {fork}",
                hint=f"--crashpad {layout.forks[0]}",
            )
        layouts = {platform: layout for platform in platforms if platform in layout.platforms}
    else:
        usual = {platform: find_layouts(fork, platform) for platform in platforms}
        layouts = {platform: candidates[0] for platform, candidates in usual.items() if candidates}
        first = next(iter(layouts.values()), None)  # a CMake file has one for all its platforms
        layouts = {
            platform: candidates for platform, candidates in layouts.items() if candidates is first
        }
    if not layouts:
        raise UsageError(
            f"there is no {fork} for {' or '.join(platforms)}",
            hint="`crashtool scaffold obtain` lists them",
        )
    return layouts


def find_layout(folder: Path) -> ClientLayout:
    """The layout of a folder, by files that every copy of it has. NothingFound if there is none."""
    for layout in LAYOUTS.values():
        if any((folder / mark).is_file() for mark in layout.marks):
            return layout
    raise NothingFound(
        f"{folder} holds no Crashpad that is built: there is none of "
        + ", ".join(mark for layout in LAYOUTS.values() for mark in layout.marks),
        hint="name the folder that was unpacked, built in or installed to; "
        "`crashtool scaffold obtain` shows how to get one",
    )
