"""Crashpad in a program, as it is to be written: which client, from where, with what."""

from __future__ import annotations

from crashtool.formats.attribute_rules import StartPlan
from crashtool.formats.crashpad.client.layouts import ClientLayout
from crashtool.formats.crashpad.client.releases import Release
from crashtool.formats.named_tuple import NamedTuple

NEW, REPLACED, UNCHANGED = "new", "replaced", "unchanged"
# Names that Windows keeps for devices, whatever follows a dot
DEVICES = frozenset(
    (
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789"),
    )
)
FOLDER_SIGNS = frozenset("._- ")


class Integration(NamedTuple):
    """What the files of an integration are made from.

    `url` is "" when the build is to give it, in the macro CRASH_REPORTING_URL. An attachment with a
    relative path lies in the program's own folder. `layouts` by platform; `crashpad_dir` is where
    Crashpad is, "" when not known.
    """

    release: Release
    name: str
    plan: StartPlan
    layouts: dict[str, ClientLayout]
    url: str = ""
    crashpad_dir: str = ""

    @property
    def folder_name(self) -> str:
        """The program's name as a folder of any system may be called."""
        kept = (sign if sign.isalnum() or sign in FOLDER_SIGNS else "_" for sign in self.name)
        name = "".join(kept).strip(". ") or "program"
        return f"{name}_" if name.partition(".")[0].strip().upper() in DEVICES else name


class WrittenFile(NamedTuple):
    """A file of an integration on disk: its size in bytes, and what was there before.

    `state`: `new`, `replaced` (there was another) or `unchanged` (there was the same).
    """

    path: str
    size: int
    state: str
