"""What `doctor` found: the subjects it looked at, and how each check of each came out."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

PASS, NOTE, WARNING, FAILURE, SKIP = VERDICTS = ("pass", "note", "warning", "failure", "skip")

# Kinds of subjects, each told by content
SETTINGS = "settings"  # a crashtool.toml, or what flags and environment give
PROGRAM = "program"  # an executable or library that holds Crashpad's client, or that was named
HANDLER = "handler"  # a crashpad_handler, for whatever system
BUNDLE = "bundle"  # a macOS .app
MSBUILD = "msbuild"  # .vcxproj, .props, .targets
CMAKE_BUILD = "cmake-build"  # a folder with CMakeCache.txt
CRASHPAD_LIBRARY = "crashpad-library"  # client.lib, libclient.a and what they are linked with
CRASHPAD_HEADERS = "crashpad-headers"  # a folder that holds client/crashpad_client.h
SOURCE = "source"  # a C++ file that calls StartHandler
DATABASE = "database"  # a Crashpad database
REGISTRY = "registry"  # an exported .reg file
XCODE = "xcode"  # a project of Xcode
DOCKERFILE = "dockerfile"  # what a container starts with
IMAGE = "image"  # the root of a container image
HOST = "host"  # this machine
KINDS = (
    SETTINGS,
    PROGRAM,
    HANDLER,
    BUNDLE,
    MSBUILD,
    CMAKE_BUILD,
    CRASHPAD_LIBRARY,
    CRASHPAD_HEADERS,
    SOURCE,
    DATABASE,
    REGISTRY,
    XCODE,
    DOCKERFILE,
    IMAGE,
    HOST,
)


class Subject(NamedTuple):
    """One thing that checks look at. `path` is as the user knows it; "" for this machine.

    `named`: the user gave this very path; else a folder that was given holds it.
    """

    kind: str
    path: str = ""
    named: bool = False


class CheckResult(NamedTuple):
    """How one check of one subject came out.

    `file`: what it is about, a path or the name of a setting; `cause`: what is so, a clause without
    capital and full stop; `consequence`: what that does to the user's reports, a sentence; `fix`:
    what to type or change. Of a skip, `cause` says why the check could not run. `line` counts from
    1; None without one. `check` is filled in by the engine.
    """

    verdict: str
    file: str
    cause: str = ""
    consequence: str = ""
    fix: str = ""
    line: int | None = None
    check: str = ""


class Diagnosis(NamedTuple):
    """All that was looked at, and all findings: by check, in the order of the table of checks."""

    subjects: tuple[Subject, ...]
    findings: tuple[CheckResult, ...]

    @property
    def has_failed(self) -> bool:
        """Whether any check came out as a failure."""
        return any(finding.verdict == FAILURE for finding in self.findings)

    def count(self, verdict: str) -> int:
        """How many findings have this verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)
