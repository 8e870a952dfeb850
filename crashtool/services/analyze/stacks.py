"""The stacks of a report: each thread walked, each frame looked up, a verdict for each module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol

from crashtool.errors import MissingLibrary
from crashtool.model.crash import (
    BadPointer,
    Crash,
    CrashReport,
    Frame,
    InlineFrame,
    Registers,
    Thread,
)
from crashtool.model.module import Module
from crashtool.services.analyze.module_map import ModuleMap
from crashtool.services.analyze.stack_ends import FRAMES_OF_AN_END, find_gap, keep_both_ends
from crashtool.services.analyze.walked_dump import (
    find_environment_block,
    find_executable_map,
    find_kept_halves,
    find_machine,
    find_thread_storage,
    find_vectors,
)
from crashtool.services.unwind.ends import LINUX
from crashtool.services.unwind.unwind_context import (
    NO_TABLES,
    CodeTables,
    Loaded,
    StackFrame,
    UnwindContext,
)
from crashtool.services.unwind.walker import walk

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.minidump.file import Minidump
    from crashtool.model.symbol_lookup import ModuleStatus
    from crashtool.services.analyze.variables.frames import WalkedStack
    from crashtool.services.analyze.variables.wanted import WantedVariables
    from crashtool.services.symbols.generated_code import Generated
    from crashtool.services.unwind.machine import Machine

STACK_WINDOW = 1 << 20  # bytes from the stack pointer on that are kept at hand
CUSTOMER_BIT = 1 << 29
SENT = ("SI_USER", "SI_TKILL", "SI_QUEUE", "SIGABRT")  # by kill, raise, sigqueue, abort


class Consumer(Protocol):
    """Takes as many frames of a crashed thread as it needs, innermost first."""

    def __call__(self, report: CrashReport, frames: Iterator[Frame]) -> None: ...  # noqa: D102


class SymbolProvider(Protocol):
    """Where the symbols of modules come from; see `services.symbols.session`."""

    @property
    def knows_code(self) -> bool:
        """Whether the code of some module can be read."""

    @property
    def fixed_programs(self) -> tuple[Module, ...]:
        """Programs that the user gave, and that are loaded at one address alone."""

    def begin_dump(self, path: str, modules: tuple[Module, ...]) -> None: ...  # noqa: D102
    def tables(self, module: Module, architecture: str) -> CodeTables: ...  # noqa: D102
    def find_generated(self, process: int | None, address: int) -> Generated | None:
        """The function of generated code at an address of a process."""

    def verdict(
        self, module: Module, architecture: str, frames: Iterable[tuple[Frame, Frame | None]]
    ) -> ModuleStatus:
        """What the files of a module are worth to these frames, each with its caller."""


def walk_stacks(
    dump: Minidump,
    report: CrashReport,
    symbols: SymbolProvider | None = None,
    *,
    all_threads: bool = False,
    variables: WantedVariables | None = None,
    warn: Callable[[str], None] = lambda _sentence: None,
    until: Consumer | None = None,
) -> CrashReport:
    """The report with the crashed thread's stack, or all threads', walked and looked up.

    `variables` asks for those of functions. `warn` hears what could not be said of the crash, and
    why. `until` is given the report and the frames, innermost first, as they are found: when it
    returns before it has taken all, the walk ends there. The crashing instruction is not told then,
    either.
    """
    if symbols and symbols.fixed_programs and not report.modules:
        report = add_programs(report, symbols.fixed_programs)
    walks = _Walks(dump, report, symbols, warn, until)
    walks.variables = variables if symbols else None
    threads = tuple(
        walks.walk_thread(thread) if all_threads or index == report.crashing_thread else thread
        for index, thread in enumerate(report.threads)
    )
    crash = report.crash
    if crash and crash.frame:
        crashing = threads[report.crashing_thread] if report.crashing_thread is not None else None
        frame = crashing.frames[0] if crashing and crashing.frames else walks.look_up(crash.frame)
        instruction = "" if until else walks.instruction(crash)
        pointer = walks.find_bad_pointer(crash) if walks.crashed_stack and not until else None
        crash = crash._replace(frame=frame, instruction=instruction, bad_pointer=pointer)
    walked = report._replace(threads=threads, crash=crash)
    if symbols:
        walked = walked._replace(symbols=walks.verdicts(walked))
    walks.scenes.clear()  # they know the walks: a circle, which would keep the files open
    return walked


def add_programs(report: CrashReport, programs: tuple[Module, ...]) -> CrashReport:
    """The report of a dump that lists no modules, with those that the user says were there."""
    from crashtool.services.analyze.hints import NO_MODULES  # seldom so

    crash = report.crash
    if crash:
        hints = tuple(hint for hint in crash.hints if hint != NO_MODULES)
        crash = crash._replace(hints=hints)
    return report._replace(modules=programs, crash=crash)


class _Walks:
    """All walks of one dump: they share the modules, and what was learnt of them."""

    def __init__(
        self,
        dump: Minidump,
        report: CrashReport,
        symbols: SymbolProvider | None,
        warn: Callable[[str], None],
        until: Consumer | None,
    ) -> None:
        self.until = until
        self.dump = dump
        self.report = report
        self.symbols = symbols
        self.warn = warn
        if symbols:
            symbols.begin_dump(report.path, report.modules)
        self.map = ModuleMap(report.modules)
        self.unloaded = ModuleMap(report.unloaded_modules)
        self.loaded: dict[int, Loaded] = {}
        self.scenes: dict[str, UnwindContext] = {}
        self.executable: Callable[[int], bool | None] | None = None
        self.variables: WantedVariables | None = None
        self.crashed_stack: WalkedStack | None = None

    def walk_thread(self, thread: Thread) -> Thread:
        registers = thread.registers
        scene = self._scene(registers) if registers else None
        if registers is None or scene is None:
            return thread
        scene.look_at(registers.stack_pointer, self._read_stack(registers.stack_pointer))
        values = registers.values
        if self.variables is not None and scene.machine.name == "arm64":
            is_crashed = self._is_crashed(thread)
            values = values | find_kept_halves(self.dump, thread.id, is_crashed=is_crashed)
        source = walk(scene, values)
        feed = _Feed(self, scene, source)
        if self.until:
            self.until(self.report, iter(feed))
        rest = source if feed.is_used_up else ()
        steps, left_out = keep_both_ends(chain(feed.steps, rest))
        frames = list(feed.frames)
        is_only = len(steps) == 1
        frames += [self.frame(scene, step, is_only=is_only) for step in steps[len(frames) :]]
        if self.variables and (self.variables.all_frames or self._is_crashed(thread)):
            frames = self._add_variables(scene.machine, thread, steps, frames, left_out)
        note = thread.note or find_gap(scene, steps)
        return thread._replace(frames=tuple(frames), note=note, left_out=left_out)

    def _is_crashed(self, thread: Thread) -> bool:
        crashed = self.report.crashed_thread
        return crashed is not None and thread.id == crashed.id

    def _add_variables(
        self,
        machine: Machine,
        thread: Thread,
        steps: list[StackFrame],
        frames: list[Frame],
        left_out: int,
    ) -> list[Frame]:
        """The frames with the variables of their functions, where files tell them."""
        assert self.variables is not None  # noqa: S101 (asked for only where they are wanted)
        if not any(frame.function for frame in frames[: None if self.variables.all_frames else 2]):
            return frames  # without symbols: nothing is loaded to say so
        from crashtool.services.analyze.variables.frames import WalkedStack, add_variables

        vectors = find_vectors(self.dump, thread.id, is_crashed=self._is_crashed(thread))
        gap = FRAMES_OF_AN_END if left_out else None
        storage = find_thread_storage(self.dump, self.report, thread.id)
        block = find_environment_block(self.dump, self.report, thread.id)
        stack = WalkedStack(steps, frames, machine, gap, vectors, storage, block)
        if self._is_crashed(thread):
            self.crashed_stack = stack
        return add_variables(stack, self.dump.memory, self._find_loaded, self.variables)

    def _read_stack(self, pointer: int) -> bytes:
        span = self.dump.memory.find_range(pointer)
        if span is None:
            return b""
        size = min(span.start + span.size - pointer, STACK_WINDOW)
        return self.dump.memory.read(pointer, size) or b""

    def _scene(self, registers: Registers) -> UnwindContext | None:
        name = registers.architecture
        if name not in self.scenes:
            platform = self.report.system.platform if self.report.system else "unknown"
            machine = find_machine(name, platform)
            if machine is None:
                return None
            modules = self.report.modules
            extent = range(
                min((module.base for module in modules), default=0),
                max((module.end for module in modules), default=0),
            )
            self._find_loaded(registers.instruction_pointer)  # may be what first gives symbols
            self.scenes[name] = UnwindContext(
                machine,
                platform,
                self.dump.memory,
                self._find_loaded,
                self._is_executable,
                extent,
                knows_code=self.symbols is not None and self.symbols.knows_code,
            )
        return self.scenes[name]

    def _find_loaded(self, address: int) -> Loaded | None:
        module = self.map.find(address)
        if module is None:
            return None
        loaded = self.loaded.get(module.base)
        if loaded is None:
            loaded = self.loaded[module.base] = Loaded(module, self._find_tables(module))
        return loaded

    def _find_tables(self, module: Module) -> CodeTables:
        tables: CodeTables = NO_TABLES
        if self.symbols:
            tables = self.symbols.tables(module, self._architecture)
        if not self.dump.memory.read(module.base, 1) or self._architecture != "x86_64":
            return tables
        from crashtool.services.unwind.loaded_image import find_loaded_image  # full memory alone

        return find_loaded_image(self.dump.memory, module, tables) or tables

    @property
    def _architecture(self) -> str:
        return self.report.system.architecture if self.report.system else "unknown"

    def _is_executable(self, address: int) -> bool | None:
        if self.executable is None:
            self.executable = find_executable_map(self.dump)
        return self.executable(address)

    def frame(self, scene: UnwindContext, step: StackFrame, *, is_only: bool) -> Frame:
        """A step with its module and function, or what the kernel calls it."""
        frame = self._frame(scene, step)
        if is_only or scene.platform not in LINUX:
            return frame
        return name_kernel_code(scene, step, frame)

    def _frame(self, scene: UnwindContext, step: StackFrame) -> Frame:
        machine = scene.machine
        pointer = step.registers[machine.instruction_pointer]
        if step.trust == "context" or step.is_exact:
            return self.look_up(Frame(pointer, step.trust))
        place = pointer - machine.call_size
        return self.look_up(Frame(place, step.trust, resume=pointer, may_skip=step.may_skip))

    def look_up(self, frame: Frame) -> Frame:
        """The frame with its module and function."""
        loaded = self._find_loaded(frame.instruction)
        if loaded is None:
            unloaded = self.unloaded.find_all(frame.instruction)
            return self._name_generated(frame._replace(unloaded=unloaded))
        address = frame.instruction - loaded.base
        hit = loaded.tables.find_function(address)
        frame = frame._replace(module=loaded.module)
        return frame if hit is None else _describe(frame, hit, address)

    def _name_generated(self, frame: Frame) -> Frame:
        if self.symbols is None:
            return frame
        generated = self.symbols.find_generated(self.report.process.id, frame.instruction)
        if generated is None:
            return frame
        return frame._replace(
            function=generated.name, function_offset=frame.instruction - generated.start
        )

    def instruction(self, crash: Crash) -> str:
        """The instruction that crashed, with what it touched; "" when its code is not known.

        "" also where none crashed: behind a signal that was sent, or a raised exception, it is the
        one after a system call; and where the thread has gone to what is no code.
        """
        thread = self.report.crashed_thread
        registers = thread.registers if thread else None
        if registers is None or not crash.reason.is_crash or _is_raised(crash):
            return ""
        if crash.reason.access == "execute":
            return ""
        if not self.read_code(registers.instruction_pointer, 1):
            return ""
        from crashtool.services.analyze.instruction import describe_instruction

        try:
            return describe_instruction(registers, self.read_code)
        except MissingLibrary as fault:
            self.warn(f"{fault.what} ({fault.hint})")
            return ""

    def find_bad_pointer(self, crash: Crash) -> BadPointer | None:
        """The variable that held the pointer which could not be followed, where it is proven."""
        thread, stack = self.report.crashed_thread, self.crashed_stack
        registers = thread.registers if thread else None
        if registers is None or stack is None or not crash.reason.is_crash or _is_raised(crash):
            return None
        from crashtool.services.analyze.bad_pointer.scene import find_in_stack

        try:
            return find_in_stack(crash, registers, stack, self.dump.memory, self._find_loaded)
        except MissingLibrary:  # which `instruction` has told
            return None

    def read_code(self, address: int, size: int) -> bytes | None:
        """Code at an address, from the module's file or from the dump."""
        loaded = self._find_loaded(address)
        code = loaded.tables.read_code(address - loaded.base, size) if loaded else None
        return code or self.dump.memory.read(address, size)

    def verdicts(self, report: CrashReport) -> tuple[ModuleStatus, ...]:
        """A verdict for each module on the stacks, those of the crashed thread first."""
        assert self.symbols is not None  # noqa: S101 (asked for only with symbols)
        crashed = report.crashed_thread
        threads = ([crashed] if crashed else []) + [
            thread for thread in report.threads if thread is not crashed
        ]
        places: dict[int, list[tuple[Frame, Frame | None]]] = {}
        for thread in threads:
            callers = (*thread.frames[1:], None)
            for frame, caller in zip(thread.frames, callers, strict=False):
                if frame.module is not None and frame.module.base in self.loaded:
                    places.setdefault(frame.module.base, []).append((frame, caller))
        return tuple(
            self.symbols.verdict(self.loaded[base].module, self._architecture, frames)
            for base, frames in places.items()
        )


class _Feed:
    """The frames of a walk one by one, for one who may have enough of them, and what was taken.

    The first comes when the second has been found: the kernel's code is named where it has a
    caller. `is_used_up`: there was no more to give, or no more than this is kept together.
    """

    def __init__(self, walks: _Walks, scene: UnwindContext, source: Iterator[StackFrame]) -> None:
        self._walks, self._scene, self._source = walks, scene, source
        self.steps: list[StackFrame] = []
        self.frames: list[Frame] = []
        self.is_used_up = True

    def __iter__(self) -> Iterator[Frame]:
        self.is_used_up = False
        self.steps += islice(self._source, 2)
        is_only = len(self.steps) == 1
        for number in range(FRAMES_OF_AN_END):
            if number == len(self.steps):
                self.steps += islice(self._source, 1)
            if number == len(self.steps):
                break
            frame = self._walks.frame(self._scene, self.steps[number], is_only=is_only)
            self.frames.append(frame)
            yield frame
        self.is_used_up = True


def name_kernel_code(scene: UnwindContext, step: StackFrame, frame: Frame) -> Frame:
    """The frame, named if the kernel sends threads there: where signal handlers return to, by its
    code, and system calls of i386, in a page of the kernel that no file has symbols of.
    """
    if not step.is_exact:
        return frame
    if name := scene.find_trampoline(step.registers[scene.machine.instruction_pointer]):
        return frame if name == frame.function else frame._replace(function=name)
    if frame.function or scene.machine.name != "x86":
        return frame
    from crashtool.services.unwind.signal_frame import SYSTEM_CALL, is_system_call  # i386 alone

    is_call = is_system_call(scene, frame.module)
    return frame._replace(function=SYSTEM_CALL) if is_call else frame


def _is_raised(crash: Crash) -> bool:
    """Whether software raised it: a signal that was sent, as SIGABRT always is, also where a writer
    keeps no si_code; or RaiseException, whose codes of a program's own have the customer bit
    (winerror.h).
    """
    is_sent = any(code in crash.reason.name for code in SENT)
    return is_sent or bool(crash.code & CUSTOMER_BIT)


def _describe(frame: Frame, hit: FunctionHit, address: int) -> Frame:
    return frame._replace(
        function=hit.name or None,
        function_offset=address - hit.start,
        file=hit.file,
        line=hit.line,
        inlines=tuple(InlineFrame(call.name, call.file, call.line) for call in hit.inlines),
    )
