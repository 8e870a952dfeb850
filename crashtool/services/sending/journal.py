"""The journal: what was accepted where, so that sending a folder again sends only the rest."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.submission import MINIDUMP_PART
from crashtool.services.files.whole_file import FOR_THE_OWNER
from crashtool.services.sending.request import Request, SendPlan

COMPACT = (",", ":")
WHOLE = 1 << 25  # bytes up to which all of a minidump is hashed, and of a larger one so many
BLOCK = 1 << 18


class JournalEntry(NamedTuple):
    """An accepted minidump, `size` in bytes. `key` stands for everything else in its request."""

    identity: str
    size: int
    key: str
    rxid: str | None
    sent: str


class Journal:
    """A file with one JSON object a line; lines that cannot be read are passed over.

    Threads may share it. It holds no path, no token and nothing of a minidump but its hash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._entries = {(entry.identity, entry.key): entry for entry in _read_entries(path)}

    def find(self, submission: Submission) -> JournalEntry | None:
        """The acceptance of a submission like this one, if there was one."""
        return self._entries.get((submission.identity, submission.key))

    def add(self, submission: Submission, rxid: str | None) -> bool:
        """Remember an acceptance just now; whether that was possible to the end."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = JournalEntry(submission.identity, submission.size, submission.key, rxid, now)
        with self._lock:
            self._entries[entry.identity, entry.key] = entry
            try:
                self._write(entry)
            except OSError:
                return False
        return True

    def _write(self, entry: JournalEntry) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(entry._asdict(), separators=COMPACT) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FOR_THE_OWNER)
        try:
            os.write(descriptor, line.encode("ascii"))  # at once: other processes add to it, too
        finally:
            os.close(descriptor)


class Submission(NamedTuple):
    """What tells a submission from others: a hash of the minidump, which has `size` bytes, and one
    of everything else in the request.
    """

    identity: str
    size: int
    key: str

    @property
    def name(self) -> str:
        """One word for it, the same whenever the same is sent to the same place."""
        return hashlib.sha256(f"{self.identity} {self.key}".encode("ascii")).hexdigest()


def identify(dump: Path, request: Request, plan: SendPlan) -> Submission:
    """What a request will be known again by. OSError when the minidump cannot be read."""
    return Submission(identify_dump(dump), request.dump.size, make_key(request, plan))


def identify_dump(path: Path) -> str:
    """A hash that tells minidumps apart: of all bytes, or of a large one's blocks at even steps.

    The time, the ids and the registers at a minidump's front differ in any two of them; to read
    gigabytes of memory for that would take as long as to send them.
    """
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        hasher.update(str(size).encode("ascii"))
        step = BLOCK if size <= WHOLE else size // (WHOLE // BLOCK)
        for offset in range(0, size, step):
            stream.seek(offset)
            hasher.update(stream.read(BLOCK))
    return hasher.hexdigest()


def make_key(request: Request, plan: SendPlan) -> str:
    """A hash of all that the receiver gets besides the minidump: change one annotation, and it is
    another request. Attachments count by name, size and time of change.
    """
    times = {}
    for attachment in plan.attachments:
        path = Path(attachment.path)
        times[str(path)] = path.stat().st_mtime_ns
    files = [
        (file.name.decode("latin-1"), file.size)
        for file in request.files
        if file.name != MINIDUMP_PART.encode()
    ]
    fields = [(field.name, field.value) for field in request.fields.sent]
    is_raw = plan.raw
    text = json.dumps(
        [request.url, fields, files, sorted(times.items()), is_raw], separators=COMPACT
    )
    return intern(hashlib.sha256(text.encode("ascii")).hexdigest())


def _read_entries(path: Path) -> Iterator[JournalEntry]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            values: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict) and _is_entry(values):
            yield JournalEntry(**{name: values[name] for name in JournalEntry._fields})


def _is_entry(values: dict[str, Any]) -> bool:
    kinds: dict[str, Any] = {
        "identity": str,
        "size": int,
        "key": str,
        "rxid": (str, type(None)),
        "sent": str,
    }
    return all(isinstance(values.get(name), kind) for name, kind in kinds.items())
