"""What became of a minidump that annotations were written into."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

ADDED, REPLACED, UNCHANGED = "added", "replaced", "unchanged"
MADE, CHANGED = "made", "changed"


class WrittenAnnotation(NamedTuple):
    """One that was asked for; `state` is added, replaced or unchanged, `old` what was replaced."""

    key: str
    value: str
    state: str
    old: str | None = None


class AnnotatedDump(NamedTuple):
    """The dump `target`, out of `source`.

    `stream` is what became of CrashpadInfo: made, changed or unchanged. `longer` is how many bytes
    the dump has grown by, `size` what it has now, and `annotations` are all of the process's.
    `refusal` is why Crashpad's own reader takes the dump without any of them, as a clause.
    """

    source: str
    target: str
    stream: str
    written: tuple[WrittenAnnotation, ...]
    longer: int
    size: int = 0
    annotations: tuple[tuple[str, str], ...] = ()
    refusal: str | None = None
