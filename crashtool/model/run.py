"""How a program that ran under a handler ended, and the crash it may have had."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class FatalSignal(NamedTuple):
    """The signal that killed a program, as the kernel told it before any handler looked.

    `code` is si_code, `address` si_addr. `architecture` is "x86_64" or "x86".
    """

    process_id: int
    thread_id: int
    number: int
    code: int
    address: int
    instruction_pointer: int
    stack_pointer: int
    architecture: str


class ProcessCrash(NamedTuple):
    """The crash of one process among those that a run has followed.

    `command_line` is its arguments with its name, `parent_name` what its parent was called, and
    `parent_status` how that one ended, in RunResult's terms, if it did while it was followed.
    `seconds` from the run's start. `uuid` is the id of the report that crashtool has written of it
    into `database`, "" without one; then `problem` says why. `images` and `notes` are as in
    RunResult. `is_program`: it is the program itself, whose report a handler may have written.
    `ignored_for`: why no report was wanted, "" when one was. `last_lines` of its stderr, if asked
    for and known.
    """

    process_id: int
    parent_id: int
    name: str
    command_line: tuple[str, ...]
    seconds: float
    fatal: FatalSignal
    parent_name: str = ""
    parent_status: int | None = None
    problem: str | None = None
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    database: str = ""
    uuid: str = ""
    is_program: bool = False
    ignored_for: str = ""
    last_lines: tuple[str, ...] = ()


class Unfollowed(NamedTuple):
    """A process that was let go, or whose children were: its id, its name, and why."""

    process_id: int
    name: str
    reason: str


class RunResult(NamedTuple):
    """The end of a run.

    `status`: the exit status, or minus the number of the signal that killed the program. `fatal`:
    the crash, if there was one. `problem`: why there is perhaps no dump of it. `mode`: how the dump
    was asked for, "trace" or "socket", or "own" when crashtool wrote it itself. `handler_status`:
    the handler's own exit status, when it ended. `dump_seconds`: from the crash to the program's
    going on to its end. `images`: the files whose code the program had in memory when it crashed.
    `notes`: what to warn of. `database`: where crashtool itself has put the report, if it did,
    and `own_reason` why a handler that was there did not. `untraced`: why the program could not be
    traced, so that no crash of it was seen; "" when it was. `processes`: how many were followed;
    `crashes`: all of theirs in the order of time; the program is among both. `unfollowed`: those
    that were let go. `timed_out`: the seconds after which the program was ended because it still
    ran, 0 when it was not; `hangs`: its processes as they then stood, with a signal of -1.
    """

    status: int
    process_id: int
    fatal: FatalSignal | None = None
    problem: str | None = None
    mode: str = ""
    handler_status: int | None = None
    handler_log: str = ""
    dump_seconds: float = 0.0
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    database: str = ""
    own_reason: str = ""
    untraced: str = ""
    processes: int = 1
    crashes: tuple[ProcessCrash, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()
    hangs: tuple[ProcessCrash, ...] = ()
    timed_out: float = 0.0


class DeliveredReport(NamedTuple):
    """A report in the database after its handler ended.

    `uuid`: the report id. `path`: the minidump. `state`: pending or completed. `reply`: what the
    server answered. `reason`: in a sentence why it was or was not uploaded. `attachments`: the
    copies the handler made, as name and path. `unread`: why the database's word on its upload could
    not be read, "" as a rule.
    """

    uuid: str
    path: str
    state: str
    uploaded: bool
    reply: str
    reason: str
    attachments: tuple[tuple[str, str], ...] = ()
    unread: str = ""
