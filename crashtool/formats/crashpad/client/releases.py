"""Forks of Crashpad and their dates: what code that starts the handler must know of each.

Crashpad has no releases: a client is known by its fork and by the date of its sources, Sentry's by
the version of sentry-native that brings it, too. Each row tells what is new since the row above.
Sources: `git log` of client/crashpad_client.h and its neighbours in Chromium's repository, in
backtrace-labs/crashpad (branches backtrace and backtrace-old) and getsentry/crashpad; for Sentry's
after 2021 the calls in getsentry/sentry-native, src/backends/sentry_backend_crashpad.cpp.
"""

from __future__ import annotations

from typing import Any

from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.named_tuple import NamedTuple

OLDEST_CXX = 14
BASE = ("handler", "database", "metrics_dir", "url")
START_HANDLER = (*BASE, "annotations", "arguments", "restartable", "asynchronous_start")
WITH_FILES = (*START_HANDLER, "attachments")
WITH_PROXY = (
    *BASE,
    "http_proxy",
    "annotations",
    "arguments",
    "restartable",
    "asynchronous_start",
    "attachments",
)
FOR_BACKTRACE = (
    *BASE,
    "annotations",
    "arguments",
    "file_attachments",
    "restartable",
    "asynchronous_start",
)
PARAMETER_TYPES = {
    "handler": "const base::FilePath&",
    "database": "const base::FilePath&",
    "metrics_dir": "const base::FilePath&",
    "url": "const std::string&",
    "http_proxy": "const std::string&",
    "annotations": "const std::map<std::string, std::string>&",
    "arguments": "const std::vector<std::string>&",
    "file_attachments": "const std::map<std::string, std::string>&",
    "restartable": "bool",
    "asynchronous_start": "bool",
    "attachments": "const std::vector<base::FilePath>&",
    "screenshot": "const base::FilePath&",
    "wait_for_upload": "bool",
    "crash_reporter": "const base::FilePath&",
    "crash_envelope": "const base::FilePath&",
    "report_id": "const std::string&",
}
"""C++ types of StartHandler's parameters. Texts are UTF-8, `file_attachments` on Windows, too."""

DEFAULTED = frozenset(
    (
        "attachments",
        "screenshot",
        "wait_for_upload",
        "crash_reporter",
        "crash_envelope",
        "report_id",
    )
)
"""Parameters that a call may leave out."""


class Release(NamedTuple):
    """A fork of Crashpad from a day on, until the next row of the same fork.

    `tags`: versions that begin it, of sentry-native for Sentry's. `cxx`: the least C++ standard of
    its headers. `parameters`: StartHandler's, by name and in order, see PARAMETER_TYPES.
    `buildflag_prefix`: of the two macros in build/chromeos_buildflags.h, which GN makes and these
    headers include; "" when they include none. `has_common_library`: built by GN, the database and
    the annotations are in a library of their own. `linux_probe`: GetHandlerSocket, by which a
    program learns whether its handler lives. `mac_attachments`: macOS takes `attachments`.
    `from_calls`: its header was not read, only calls of it.
    """

    fork: str
    since: str
    tags: tuple[str, ...] = ()
    cxx: int = OLDEST_CXX
    parameters: tuple[str, ...] = START_HANDLER
    buildflag_prefix: str = ""
    has_common_library: bool = False
    linux_probe: bool = False
    mac_attachments: bool = False
    wer_module: bool = False
    from_calls: bool = False

    @property
    def names_attachments(self) -> bool:
        """Whether its handler takes --attachment=NAME=PATH and refuses --attachment=PATH."""
        return HANDLER_KINDS[self.fork].names_attachments

    @property
    def takes_attachments(self) -> bool:
        """Whether files can be attached at all."""
        return self.names_attachments or "attachments" in self.parameters

    @property
    def title(self) -> str:
        """Such as `Sentry's builds (interface of 2025-10-01, sentry-native 0.12.0)`."""
        tags = f", sentry-native {self.tags[0]}" if self.tags else ""
        return f"{HANDLER_KINDS[self.fork].meaning} (interface of {self.since}{tags})"


def _rows(fork: str, *changes: dict[str, Any]) -> tuple[Release, ...]:
    releases: list[Release] = []
    for change in changes:
        before = releases[-1]._replace(tags=()) if releases else Release(fork, "")
        releases.append(before._replace(**change))
    return tuple(releases)


CHROMEOS = "BUILDFLAG_INTERNAL_IS_CHROMEOS_"
MINI_CHROMEOS = "MINI_CHROMIUM_INTERNAL_BUILDFLAG_VALUE_IS_CHROMEOS_"

RELEASES = {
    "upstream": _rows(
        "upstream",
        {"since": "2019-05-02"},  # 607c80e0: StartHandler on Linux
        {"since": "2019-08-19", "linux_probe": True},  # ec56fc6a
        {"since": "2020-06-24", "parameters": WITH_FILES},  # 41456998
        {"since": "2021-01-12", "buildflag_prefix": CHROMEOS},  # 2e066d2e
        {"since": "2021-04-29", "has_common_library": True},  # b10f07e5
        {"since": "2022-01-19", "buildflag_prefix": MINI_CHROMEOS},  # 50ed179e
        {"since": "2022-07-07", "wer_module": True},  # 80520bd9
        {"since": "2023-01-31", "cxx": 17},  # 3215ed90: std::optional in client/annotation.h
        {"since": "2025-02-24", "buildflag_prefix": ""},  # 4d14c1be
        {"since": "2025-12-01", "mac_attachments": True},  # 14df23e3
    ),
    "backtrace": _rows(
        "backtrace",
        {
            "since": "2022-07-29",
            "parameters": WITH_FILES,
            "linux_probe": True,
            "wer_module": True,
        },  # cca5f520: CMake
        {"since": "2022-08-29", "mac_attachments": True},  # d2ae65ad
        {"since": "2023-03-31", "cxx": 17},  # cf1d16e2
    ),
    "backtrace-2018": _rows(
        "backtrace-2018",
        {
            "since": "2020-06-24",
            "parameters": WITH_FILES,
            "linux_probe": True,
            "mac_attachments": True,
        },
    ),
    "sentry": _rows(
        "sentry",
        {
            "since": "2020-07-21",
            "tags": ("0.4.0",),
            "parameters": WITH_FILES,
            "linux_probe": True,
            "mac_attachments": True,
        },
        {
            "since": "2023-05-27",
            "tags": ("0.6.3",),
            "parameters": WITH_PROXY,
            "cxx": 17,
            "wer_module": True,
            "from_calls": True,
        },
        {
            "since": "2025-03-01",
            "tags": ("0.8.3", "0.9.0"),
            "parameters": (*WITH_PROXY, "screenshot", "wait_for_upload"),
        },
        {
            "since": "2025-10-01",
            "tags": ("0.12.0",),
            "parameters": (
                *WITH_PROXY,
                "screenshot",
                "wait_for_upload",
                "crash_reporter",
                "crash_envelope",
            ),
        },
        {
            "since": "2026-02-01",
            "tags": ("0.13.0",),
            "parameters": (
                *WITH_PROXY,
                "screenshot",
                "wait_for_upload",
                "crash_reporter",
                "crash_envelope",
                "report_id",
            ),
        },
    ),
}
"""Each fork's rows, oldest first. What is older than the first row has no row."""
