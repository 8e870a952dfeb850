"""What is said of a run besides the report of its crash."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from crashtool.formats.shell_words import quote_posix
from crashtool.model.run import DeliveredReport, ProcessCrash, RunResult
from crashtool.render.safe_text import log_line, safe

MAX_COMMAND = 400  # characters
MAX_LINE = 400
MAX_NAMED = 8


def name_signal(number: int) -> str:
    """SIGSEGV for 11, and so on."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _name_writer(result: RunResult) -> str | None:
    if result.fatal is None:
        return None
    return "crashtool" if result.mode == "own" else "crashpad_handler"


def run_document(result: RunResult, delivery: DeliveredReport | None) -> dict[str, Any]:
    """A run as JSON: how the program ended, and what became of the report."""
    fatal = result.fatal
    return {
        "exit_status": result.status if result.status >= 0 else None,
        "signal": name_signal(-result.status) if result.status < 0 else None,
        "process_id": result.process_id,
        "crashed": fatal is not None,
        "mode": result.mode or None,
        "writer": _name_writer(result),
        "problem": result.problem,
        "untraced": result.untraced or None,
        "processes": result.processes,
        "timed_out": result.timed_out or None,
        "unfollowed": [unfollowed._asdict() for unfollowed in result.unfollowed],
        "dump_seconds": round(result.dump_seconds, 3) if fatal else None,
        "report": _report_document(delivery),
    }


def process_document(crash: ProcessCrash, delivery: DeliveredReport | None) -> dict[str, Any]:
    """The crash of one process as JSON, without what its minidump says."""
    return {
        "process_id": crash.process_id,
        "parent_id": crash.parent_id,
        "name": crash.name,
        "command_line": list(crash.command_line),
        "is_program": crash.is_program,
        "seconds": round(crash.seconds, 3),
        "signal": name_signal(crash.fatal.number) if crash.fatal.number > 0 else None,
        "parent_name": crash.parent_name or None,
        "parent_ended": None if crash.parent_status is None else _ending(crash.parent_status),
        "ignored_for": crash.ignored_for or None,
        "problem": crash.problem,
        "stderr": list(crash.last_lines) or None,
        "report": _report_document(delivery),
    }


def _report_document(delivery: DeliveredReport | None) -> dict[str, Any] | None:
    return delivery and {
        "report_id": delivery.uuid,
        "minidump": delivery.path,
        "uploaded": delivery.uploaded,
        "reply": delivery.reply,
        "reason": delivery.reason,
    }


def _ending(status: int) -> str:
    return f"exit status {status}" if status >= 0 else name_signal(-status)


def describe_crash(crash: ProcessCrash) -> str:
    """Which process crashed, of what, when, and whose child it was."""
    words = f"{name_signal(crash.fatal.number)} in {crash.name or 'a process'}"
    words += f" (process {crash.process_id}), {crash.seconds:.2f} s after the start"
    if crash.is_program:
        return f"{words}; the program itself"
    words += f"; started by {crash.parent_name or 'a process'} ({crash.parent_id})"
    if crash.parent_status is not None:
        words += f", which ended with {_ending(crash.parent_status)}"
    return words


def describe_hang(crash: ProcessCrash, result: RunResult) -> str:
    """Which process still ran, and whose child it was."""
    words = f"{crash.name or 'a process'} (process {crash.process_id})"
    if not result.timed_out:
        return f"{words}, as it runs"
    words += f" still ran after {result.timed_out:g} s"
    if crash.process_id == result.process_id:
        return f"{words}; the program itself"
    return f"{words}; started by {crash.parent_name or 'a process'} ({crash.parent_id})"


def describe_waiting(crash: ProcessCrash) -> str:
    """A process whose children still ran."""
    return f"{crash.name or 'a process'} (process {crash.process_id}), whose children still ran"


def name_command(crash: ProcessCrash) -> str:
    """The command line as a shell takes it, cut when it is long."""
    line = " ".join(map(quote_posix, crash.command_line))
    return f"command: {safe(line, MAX_COMMAND)}" if line else "command: unknown"


def render_last_lines(crash: ProcessCrash) -> str:
    """What stood on a process's stderr, each line harmless; "" when nothing is known."""
    if not crash.last_lines:
        return ""
    lines = "".join(f"  {log_line(line[:MAX_LINE])}\n" for line in crash.last_lines)
    return f"STDERR  the last lines, of all who write there\n{lines}"


def summarize(result: RunResult, crashes: Sequence[ProcessCrash]) -> Iterator[str]:
    """How many processes crashed, which were left out of that, which were not followed."""
    if result.hangs and not result.timed_out:
        return
    told = [crash for crash in crashes if not crash.ignored_for]
    ignored = [crash for crash in crashes if crash.ignored_for]
    processes = "1 process" if result.processes == 1 else f"{result.processes:,} processes"
    line = f"{len({crash.process_id for crash in told}):,} of {processes} crashed"
    named = [
        f"{crash.name} ({crash.process_id}, {name_signal(crash.fatal.number)})"
        for crash in told[:MAX_NAMED]
    ]
    if len(told) > MAX_NAMED:
        named.append(f"{len(told) - MAX_NAMED:,} more")
    yield f"{line}: {', '.join(named)}" if named else line
    if result.timed_out:
        running = "1 process" if len(result.hangs) == 1 else f"{len(result.hangs):,} processes"
        yield f"timed out after {result.timed_out:g} s: {running} still ran, and were ended"
    for reason, count in Counter(crash.ignored_for for crash in ignored).items():
        crashed = "1 more crash was" if count == 1 else f"{count:,} more crashes were"
        yield f"{crashed} expected: {reason}"
    by_reason: dict[str, list[str]] = {}
    for unfollowed in result.unfollowed:
        by_reason.setdefault(unfollowed.reason, []).append(
            f"{unfollowed.name} ({unfollowed.process_id})"
        )
    for reason, names in by_reason.items():
        more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
        yield f"not followed: {', '.join(names[:MAX_NAMED])}{more}: {reason}"
