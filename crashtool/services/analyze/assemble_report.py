"""What a minidump means: from the file's structs to a CrashReport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from crashtool.formats.minidump.reasons import Reason, describe_reason
from crashtool.formats.minidump.streams import (
    MODULE_LIST,
    SYSTEM_INFO,
    THREAD_EX_LIST,
    THREAD_LIST,
    name_stream,
)
from crashtool.model.crash import (
    Assertion,
    Crash,
    CrashpadIds,
    CrashReport,
    Frame,
    Problem,
    Registers,
    Stream,
    Thread,
)
from crashtool.services.analyze.describe_system import (
    bears_crashpads_mark,
    name_writer,
    read_system,
)
from crashtool.services.analyze.dump_annotations import read_annotations
from crashtool.services.analyze.hints import HintContext, collect_hints
from crashtool.services.analyze.module_map import (
    ModuleMap,
    read_modules,
    read_unloaded_modules,
)
from crashtool.services.analyze.process import read_process

if TYPE_CHECKING:
    from crashtool.formats.minidump.dump_source import Location
    from crashtool.formats.minidump.exception import ExceptionRecord
    from crashtool.formats.minidump.file import Minidump
    from crashtool.formats.minidump.threads import DumpThread

MAX_THREADS = 1 << 12
MAX_MODULES = 1 << 13
MAX_ANNOTATIONS = 1 << 13
Item = TypeVar("Item")

# The types that Breakpad's minidump_format.h gives to assertions.
ASSERTION_KINDS = {0: "assertion", 1: "invalid parameter", 2: "pure virtual call"}

# TEB.LastErrorValue, in bytes from the TEB's start (the public symbols of ntdll).
LAST_ERROR_OFFSETS = {"x86": 0x34, "x86_64": 0x68, "arm64": 0x68}


def analyze(dump: Minidump, path: str = "") -> CrashReport:
    """Everything the dump says; what it does not say is None, what is damaged is a problem."""
    return _Analysis(dump).report(path)


class _Analysis:
    """The parts of a report that need one another: modules, then threads, then the crash."""

    def __init__(self, dump: Minidump) -> None:
        self.dump = dump
        self.left_out: list[Problem] = []
        self.modules = read_modules(self._take(dump.modules, MAX_MODULES, "modules"))
        unloaded = self._take(dump.unloaded_modules, MAX_MODULES, "unloaded modules")
        self.unloaded = read_unloaded_modules(unloaded)
        self.map = ModuleMap(self.modules)
        self.unloaded_map = ModuleMap(self.unloaded)

    def report(self, path: str) -> CrashReport:
        dump = self.dump
        crashing = self._find_crashing_thread()
        threads = tuple(
            self._thread(thread, i == crashing)
            for i, thread in enumerate(self._take(dump.threads, MAX_THREADS, "threads"))
        )
        annotations = tuple(
            self._take(read_annotations(dump, self.modules), MAX_ANNOTATIONS, "annotations")
        )
        crash = self._crash(threads[crashing] if crashing is not None else None)
        return CrashReport(
            path=path,
            size=dump.size,
            writer=name_writer(dump),
            written=dump.header.timestamp or None,
            system=read_system(dump),
            process=read_process(dump, self.modules, annotations),
            crash=crash,
            threads=threads,
            crashing_thread=crashing,
            modules=self.modules,
            unloaded_modules=self.unloaded,
            crashpad=_crashpad_ids(dump),
            annotations=annotations,
            messages=_messages(dump),
            comments=dump.comments,
            streams=_streams(dump),
            problems=self._problems(crash),
        )

    def _find_crashing_thread(self) -> int | None:
        """The exception's thread; without an exception the one that asked Breakpad for the dump."""
        exception, breakpad = self.dump.exception, self.dump.breakpad
        wanted = None
        if exception is not None:
            wanted = exception.thread_id
        elif breakpad is not None:
            wanted = breakpad.requesting_thread_id
        threads = self.dump.threads[:MAX_THREADS]
        return next((i for i, thread in enumerate(threads) if thread.id == wanted), None)

    def _take(self, items: Sequence[Item], most: int, what: str) -> Sequence[Item]:
        """As many as a real process has at most; only hostile dumps hold more."""
        if len(items) > most:
            sentence = f"only {most} of {len(items)} {what} are taken into the report"
            self.left_out.append(Problem(None, sentence))
        return items[:most]

    def _thread(self, thread: DumpThread, crashed: bool) -> Thread:
        location = thread.context
        if crashed and self.dump.exception and self.dump.exception.context.size:
            location = self.dump.exception.context
        registers = self._registers(location)
        return Thread(
            id=thread.id,
            name=thread.name,
            frames=() if registers is None else (self._context_frame(registers),),
            registers=registers,
            stack_start=thread.stack_start,
            stack_size=thread.stack.size,
            last_error=self._last_error(thread),
            note="" if registers else _note_missing_registers(location),
        )

    def _last_error(self, thread: DumpThread) -> int | None:
        """What GetLastError() would have said, if the dump holds the thread's environment block."""
        system = self.dump.system
        if system is None or system.platform != "windows" or not thread.teb:
            return None
        offset = LAST_ERROR_OFFSETS.get(system.architecture)
        raw = self.dump.memory.read(thread.teb + offset, 4) if offset else None
        return None if raw is None else int.from_bytes(raw, "little")

    def _registers(self, location: Location) -> Registers | None:
        context = self.dump.context(location)
        if context is None:
            return None
        return Registers(
            architecture=context.architecture,
            width=context.size,
            values=context.registers,
            instruction_pointer=context.instruction_pointer,
            stack_pointer=context.stack_pointer,
            frame_pointer=context.frame_pointer,
        )

    def _context_frame(self, registers: Registers) -> Frame:
        address = registers.instruction_pointer
        module = self.map.find(address)
        hits = () if module else self.unloaded_map.find_all(address)
        return Frame(address, "context", module, unloaded=hits)

    def _crash(self, thread: Thread | None) -> Crash | None:
        record = self.dump.exception
        if record is None:
            return None
        reason = self._reason(record)
        registers = thread.registers if thread else self._registers(record.context)
        frame = self._context_frame(registers) if registers else None
        has_address = reason.address_kind in ("memory", "instruction")
        address_module = self.map.find(reason.address) if has_address else None
        return Crash(
            reason=reason,
            code=record.code,
            flags=record.flags,
            parameters=record.parameters,
            address=record.address,
            thread_id=record.thread_id,
            frame=frame,
            address_module=address_module,
            assertion=self._assertion(),
            hints=collect_hints(
                HintContext(
                    reason=reason,
                    thread=thread,
                    registers=registers,
                    frame=frame,
                    address_module=address_module,
                    has_stack_at=self._has_stack(registers),
                    has_modules=bool(self.modules),
                )
            ),
        )

    def _reason(self, record: ExceptionRecord) -> Reason:
        system = self.dump.system
        return describe_reason(
            system.platform if system else "unknown",
            system.architecture if system else "unknown",
            record.code,
            record.flags,
            record.parameters,
            record.address,
            si_code_is_known=bears_crashpads_mark(self.dump),
        )

    def _has_stack(self, registers: Registers | None) -> bool:
        if registers is None:
            return False
        return self.dump.memory.read(registers.stack_pointer, 1) is not None

    def _assertion(self) -> Assertion | None:
        assertion = self.dump.assertion
        if assertion is None or not any(
            (assertion.type, assertion.expression, assertion.function, assertion.file)
        ):
            return None
        kind = ASSERTION_KINDS.get(assertion.type, f"kind {assertion.type}")
        return Assertion(
            kind, assertion.expression, assertion.function, assertion.file, assertion.line
        )

    def _problems(self, crash: Crash | None) -> tuple[Problem, ...]:
        """The damage that reading met, and what the dump should have and does not."""
        problems = [Problem(*problem) for problem in self.dump.problems] + self.left_out
        places = self.dump.find_place
        if not self.dump.directory:
            problems.append(Problem(None, "the dump has no streams at all"))
        elif not places(SYSTEM_INFO):
            problems.append(Problem(None, "no SystemInfo stream: the platform is not known"))
        if not places(THREAD_LIST) and not places(THREAD_EX_LIST):
            problems.append(Problem(None, "no list of threads"))
        if not places(MODULE_LIST):
            problems.append(Problem(None, "no list of modules", loses_data=False))
        if crash and crash.thread_id not in (thread.id for thread in self.dump.threads):
            sentence = f"the thread of the exception, {crash.thread_id}, is not among the threads"
            problems.append(Problem(None, sentence, loses_data=False))
        return tuple(problems)


def _note_missing_registers(location: Location) -> str:
    if location.size and location.rva:
        return "the registers of this thread cannot be read"
    return "the dump holds no registers of this thread"


def _crashpad_ids(dump: Minidump) -> CrashpadIds | None:
    crashpad = dump.crashpad
    if crashpad is None:
        return None
    return CrashpadIds(
        crashpad.version, crashpad.report_id, crashpad.client_id, crashpad.address_mask
    )


def _streams(dump: Minidump) -> tuple[Stream, ...]:
    return tuple(
        Stream(entry.stream_type, name_stream(entry.stream_type), entry.rva, entry.size)
        for entry in dump.directory
    )


def _messages(dump: Minidump) -> tuple[str, ...]:
    return tuple(text for info in dump.mac_crash_info for text in info.texts if text.strip())
