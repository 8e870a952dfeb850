"""Scrubbing a copy of a minidump, and making sure that its stacks read as before."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.texts import TextPlace, walk_text_places
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.submission import Scrubbed
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.stacks import walk_stacks
from crashtool.services.scrub.file_bytes import FileBytes
from crashtool.services.scrub.secret_spans import Finder, SecretSpan, keep_file_name
from crashtool.services.scrub.stack_words import Pointers

FILL = b"x"


class _Skeleton(NamedTuple):
    """What must be the same afterwards: where everything is, and every stack."""

    directory: tuple[tuple[int, int, int], ...]
    modules: tuple[tuple[int, int, str, str], ...]
    stacks: tuple[tuple[int, tuple[tuple[int, str], ...]], ...]


def scrub_dump(
    source: Path, target: Path, finders: Sequence[Finder], shown: str
) -> tuple[Scrubbed, ...]:
    """Write a copy of a minidump in which what the finders find is overwritten, at equal length.

    Words on a stack that point to code or to a stack stay, unless they are surely text. Gives what
    was changed, by kind, in the order of the finders. `shown` is how errors call the dump:
    InputUnusable when `source` is no minidump, or when its stacks would read
    differently afterwards; then there is no `target`.
    """
    with Minidump.open(source) as dump:
        report = analyze(dump, str(source))
        before = _read_skeleton(dump)
        places = tuple(walk_text_places(dump))
        pointers = Pointers(dump, report)
    try:
        shutil.copyfile(source, target)
        changes = _overwrite(target, places, pointers, finders)
        _check_skeleton(shown, target, before)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return changes


def _check_skeleton(shown: str, target: Path, before: _Skeleton) -> None:
    with Minidump.open(target) as dump:
        if _read_skeleton(dump) != before:
            raise InputUnusable(
                f"{shown} cannot be scrubbed: its stacks or modules would not be the same",
                hint="a narrower strings=REGEX may do; a damaged dump can have texts in its tables",
            )


def _read_skeleton(dump: Minidump) -> _Skeleton:
    report = analyze(dump, "")
    report = walk_stacks(dump, report, all_threads=True)
    return _Skeleton(
        tuple((entry.stream_type, entry.size, entry.rva) for entry in dump.directory),
        tuple(
            (module.base, module.size, module.name, str(module.debug_id))
            for module in report.modules
        ),
        tuple(
            (thread.id, tuple((frame.instruction, frame.trust) for frame in thread.frames))
            for thread in report.threads
        ),
    )


def _overwrite(
    path: Path, places: Sequence[TextPlace], pointers: Pointers, finders: Sequence[Finder]
) -> tuple[Scrubbed, ...]:
    totals: dict[str, Scrubbed] = {}
    with path.open("r+b") as file:
        data = FileBytes(file)
        for finder in finders:
            for offset in places:
                for span in list(finder(data, offset)):
                    finding = keep_file_name(data, offset, span)
                    if finding is None:
                        continue
                    changed, kept = _blank(data, offset, finding, pointers)
                    if changed or kept:
                        last = totals.get(finding.kind, Scrubbed(finding.kind))
                        totals[finding.kind] = last._replace(
                            places=last.places + bool(changed),
                            size=last.size + changed,
                            kept=last.kept + kept,
                        )
    return tuple(totals.values())


def _blank(
    data: FileBytes, text_place: TextPlace, finding: SecretSpan, pointers: Pointers
) -> tuple[int, int]:
    """Overwrite a finding; how many bytes that changed, and how many words were kept."""
    old = data[finding.start : finding.end]
    new = bytearray((FILL + b"\0" * (finding.step - 1)) * (len(old) // finding.step))
    new += old[len(new) :]
    kept = 0
    doubted = () if finding.is_sure else pointers.walk_kept(data, text_place, finding)
    for first, last in doubted:
        low, high = max(first, finding.start), min(last, finding.end)
        new[low - finding.start : high - finding.start] = data[low:high]
        kept += 1
    data.write(finding.start, bytes(new))
    return sum(one != other for one, other in zip(old, new, strict=True)), kept
