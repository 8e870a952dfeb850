"""One minidump to a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, reason_of
from crashtool.model.crash import CrashReport, Frame
from crashtool.model.own_calls import (
    SYSTEM_MODULES,
    Decision,
    decide_calls,
    decide_further_calls,
)
from crashtool.model.signature import CALLS_OF_RECURSION, Signature, classify, sign
from crashtool.model.triage.grouping_rules import Rules
from crashtool.model.triage.row import Row, RowStatus
from crashtool.services.analyze.inspect_dumps import (
    PLAIN_HEAD,
    FoundDump,
    InspectOptions,
    Unreadable,
    read_found,
)

if TYPE_CHECKING:
    from crashtool.services.analyze.stacks import Consumer

BLOCK = 1 << 20
PRODUCTS = ("prod", "product", "ProductName", "_productName")
VERSIONS = ("ver", "version", "application.version", "Version")
NO_SYMBOLS = ("missing", "mismatch", "no_id")
MAX_MISSING = 8
NO_ID = "0" * 8 + "-0000-0000-0000-" + "0" * 12


def read_row(
    dump: FoundDump | Unreadable, wanted: InspectOptions, rules: Rules, keys: Sequence[str]
) -> Row:
    """The row of a minidump; `keys` are annotations that are kept of it."""
    if isinstance(dump, Unreadable):
        status: RowStatus = "no_minidump" if isinstance(dump.error, InputUnusable) else "unreadable"
        return Row(dump.path, status, error=dump.error.what)
    try:
        digest = hash_file(dump.file)
    except OSError as error:
        return Row(dump.path, "unreadable", error=reason_of(error))
    read = read_found(dump, wanted)
    if isinstance(read, Unreadable):
        status = "unreadable" if _begins_as_minidump(dump.file) else "no_minidump"
        return Row(read.path, status, digest, error=read.error.what)
    if read.is_damaged and not read.threads:
        problem = next(problem for problem in read.problems if problem.loses_data)
        return Row(read.path, "unreadable", digest, error=problem.sentence)
    return make_row(read, digest, rules, keys)


def _begins_as_minidump(file: str) -> bool:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 (as where it was found)
            return stream.read(len(PLAIN_HEAD)) == PLAIN_HEAD
    except OSError:
        return True  # it was one when it was found


def make_consumer(rules: Rules) -> Consumer | None:
    """Who takes the frames of a crash as far as they can change its row; None needs all of them.

    A start may lie anywhere. Of a stack overflow the first calls alone count; else it is for the
    rules of signatures to say when no further call can.
    """
    if any(rule.action == "start" for rule in rules.frame_rules):
        return None
    used = _find_used(rules)

    def consume(report: CrashReport, frames: Iterator[Frame]) -> None:
        is_overflow = classify(report) == "stack"
        own = 0
        for decision in decide_further_calls(frames, used, 0):
            own += decision.own is not None
            if is_overflow and own >= CALLS_OF_RECURSION:
                return

    return consume


def _find_used(rules: Rules) -> Rules | None:
    return rules if rules.frame_rules or rules.frames != Rules().frames else None


def make_row(report: CrashReport, digest: str, rules: Rules, keys: Sequence[str]) -> Row:
    """The row of a report."""
    used = _find_used(rules)
    signature = sign(report, used)
    annotations = {item.name: item.value for item in report.annotations if item.wins}
    identifier = str(report.crashpad.report_id) if report.crashpad else ""
    row = Row(
        report.path,
        digest=digest,
        report_id="" if identifier == NO_ID else identifier,
        written=report.written,
        product=_first(annotations, PRODUCTS) or report.process.name or "",
        version=_first(annotations, VERSIONS) or report.process.version or "",
        os=report.system.platform if report.system else "",
        signature=signature.text,
        kind=signature.kind,
        quality=signature.quality,
        calls=signature.calls,
        module=_find_module(report, used),
        missing=_find_missing(report),
        annotations=tuple((key, annotations[key]) for key in sorted(keys) if key in annotations),
    )
    return _apply_groups(row, report, signature, rules, annotations)


def _apply_groups(
    row: Row, report: CrashReport, signature: Signature, rules: Rules, annotations: dict[str, str]
) -> Row:
    used = {
        decision.rule.text
        for decision in _decide(report, rules if rules.frame_rules else None)
        if decision.rule
    }
    facts = {f"annotation.{name}": value for name, value in annotations.items()}
    facts |= {key: row.find(key) for key in ("class", "module", "os", "product", "version")}
    group = rules.find_group(signature.calls, facts) if rules.groups else None
    if group:
        used.add(group.text)
    return row._replace(rules=tuple(sorted(used)), group=group.name if group else "")


def _decide(report: CrashReport, rules: Rules | None) -> Sequence[Decision]:
    thread = report.crashed_thread
    return tuple(decide_calls(thread.frames, rules)) if thread and rules else ()


def _find_module(report: CrashReport, rules: Rules | None) -> str:
    """The module of the innermost call that counts, else of the innermost frame."""
    thread = report.crashed_thread
    frames = thread.frames if thread else ()
    own = next((item.own for item in decide_calls(frames, rules) if item.own), None)
    frame = frames[own.frame] if own else frames[0] if frames else None
    return frame.module.name if frame and frame.module else ""


def _find_missing(report: CrashReport) -> tuple[tuple[str, str], ...]:
    """The program's modules of the crashed stack that have no symbols, innermost first.

    Those of the system would not change a group.
    """
    thread = report.crashed_thread
    without = {item.module: item for item in report.symbols if item.status in NO_SYMBOLS}
    missing: dict[tuple[str, str], None] = {}
    for frame in thread.frames if thread else ():
        module = frame.module
        if module is None or frame.function or (report.symbols and module not in without):
            continue
        if module.name.lower().startswith(SYSTEM_MODULES):
            continue
        identifier = module.debug_id.breakpad if module.debug_id else module.code_id or ""
        missing.setdefault((module.name, identifier))
    return tuple(missing)[:MAX_MISSING]


def _first(annotations: dict[str, str], names: Sequence[str]) -> str:
    return next((annotations[name] for name in names if annotations.get(name)), "")


def hash_file(path: str) -> str:
    """A hash of a file's bytes. OSError when it cannot be read."""
    hasher = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:  # noqa: PTH123 (pathlib costs start-up time)
        while block := file.read(BLOCK):
            hasher.update(block)
    return hasher.hexdigest()
