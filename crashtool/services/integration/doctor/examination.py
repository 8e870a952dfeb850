"""One call of `doctor`: what was asked for, its subjects, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.doctor import CheckResult, Subject

Known = TypeVar("Known")


class Options(NamedTuple):
    """What the user asked for.

    `root`: the folder whose files are the system's, as of a container image; None for this
    machine. `configuration`: the one of a build that matters, "Release|x64" or "Release"; "" for
    each. `probe`: the network may be used. `handler_arguments`: what the program gives its handler
    besides annotations. `may_start`: handlers may be started for a question. `settings`: the
    resolved values of the settings by name (url, token, annotations, attachments, handler,
    database ...), None for those not set, and `sources`: where each value comes from.
    """

    root: Path | None = None
    configuration: str = ""
    probe: bool = False
    handler_arguments: tuple[str, ...] = ()
    may_start: bool = False
    settings: Mapping[str, Any] = {}
    sources: Mapping[str, str] = {}
    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None


class Examination:
    """What a check may ask besides its subject: the options, other subjects, facts read once."""

    def __init__(
        self, options: Options, subjects: Iterable[Subject], unpacked: Iterable[str] = ()
    ) -> None:
        """`unpacked`: the folders that archives were unpacked to."""
        self._unpacked = tuple(unpacked)
        self.options = options
        self.subjects = tuple(subjects)
        self._known: dict[tuple[object, str], object] = {}

    def of_kind(self, *kinds: str) -> tuple[Subject, ...]:
        """The subjects of some kinds, in order."""
        return tuple(subject for subject in self.subjects if subject.kind in kinds)

    def is_unpacked(self, path: str) -> bool:
        """Whether a file was unpacked by us: where it is now says nothing of where it will be."""
        return any(Path(path).is_relative_to(folder) for folder in self._unpacked)

    def recall(self, read: Callable[[str], Known], path: str) -> Known:
        """What `read` says of a path: asked once, also when it raises InputUnusable or OSError."""
        key = (read, path)
        if key not in self._known:
            try:
                self._known[key] = read(path)
            except (InputUnusable, OSError) as error:
                self._known[key] = error
        value = self._known[key]
        if isinstance(value, (InputUnusable, OSError)):
            raise value
        return value  # type: ignore[return-value]  # of this reader


Run = Callable[[Subject, Examination], Iterable[CheckResult]]


class Check(NamedTuple):
    """A row of the table of checks.

    `kinds`: the subjects that it looks at. `run` gives what is to be said of one; nothing when all
    is well. InputUnusable and OSError that leave it become a skip. `looks_at` says what the check
    is about, for the reference.
    """

    name: str
    kinds: tuple[str, ...]
    run: Run
    looks_at: str
