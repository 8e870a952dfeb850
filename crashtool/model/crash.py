"""What is known about a crash: a report of a process, its threads, their frames, its modules.

CrashReport ── Crash            why, where, on which thread
            ├─ Process, System  what ran, on what
            ├─ Thread ── Frame  the innermost frame first
            ├─ Module           the images, in the dump's order
            ├─ SymbolVerdict    what was found to read the stacks with, and what was not
            ├─ Annotation       what the client left, and which of it wins on upload
            └─ Problem          what is damaged or missing in the dump
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.module import Module

if TYPE_CHECKING:
    from uuid import UUID

    from crashtool.formats.minidump.reasons.reason import Reason
    from crashtool.model.symbol_lookup import ModuleStatus
    from crashtool.model.variables import FrameVariable

FrameTrust = Literal[
    "context", "cfi", "cfi_scan", "frame_pointer", "scan", "inline", "prewalked", "none"
]
AnnotationKind = Literal["process", "simple", "object", "list", "form"]


class Problem(NamedTuple):
    """Damage or a gap. `offset` is in bytes from the start of the dump, None when it has no place.

    `loses_data`: something that the dump should hold is not in the report because of it.
    """

    offset: int | None
    sentence: str
    loses_data: bool = True


class UnloadedHit(NamedTuple):
    """A module that was once at an address and is no longer."""

    name: str
    offset: int


class InlineFrame(NamedTuple):
    """A function that the compiler merged into its caller's frame."""

    function: str
    file: str | None = None
    line: int | None = None
    variables: tuple[FrameVariable, ...] = ()


class SourceLine(NamedTuple):
    """A line of source code and its number."""

    number: int
    text: str


class Frame(NamedTuple):
    """One call. `trust` is how it was found.

    `instruction` is the instruction that was looked up: where the thread was, and in a caller the
    call, which ends at `resume`, where it would have gone on (None: at `instruction`). Offsets are
    from the module's base and the function's start. `inlines`: the calls merged into this one,
    innermost first; `file` and `line` are the outermost function's own. `source`: the lines around
    the place, when they were asked for. `may_skip`: words that could be return addresses lie nearer
    on the stack than what led here, so that frames may be missing before this one. `variables`:
    arguments and locals of the outermost function, when they were asked for and are known.
    """

    instruction: int
    trust: FrameTrust
    module: Module | None = None
    function: str | None = None
    function_offset: int | None = None
    file: str | None = None
    line: int | None = None
    inlines: tuple[InlineFrame, ...] = ()
    unloaded: tuple[UnloadedHit, ...] = ()
    resume: int | None = None
    source: tuple[SourceLine, ...] = ()
    may_skip: bool = False
    variables: tuple[FrameVariable, ...] = ()

    @property
    def is_guess(self) -> bool:
        """Whether it may be no frame at all, or not the next one."""
        return self.trust in ("scan", "cfi_scan") or self.may_skip

    @property
    def module_offset(self) -> int | None:
        """The instruction's distance from the base of its module."""
        return None if self.module is None else self.instruction - self.module.base


class Registers(NamedTuple):
    """The registers of a thread in display order; `width` is a pointer's size in bytes."""

    architecture: str
    width: int
    values: dict[str, int]
    instruction_pointer: int
    stack_pointer: int
    frame_pointer: int


class Thread(NamedTuple):
    """A thread: its frames, innermost first, and what the dump holds of its stack.

    `stack_start` and `stack_size` in bytes; size 0 when the dump holds no stack. `note` says why
    frames are missing. `left_out`: how many frames of a very deep stack are left out in the middle
    of `frames`.
    """

    id: int
    name: str | None
    frames: tuple[Frame, ...]
    registers: Registers | None = None
    stack_start: int = 0
    stack_size: int = 0
    last_error: int | None = None
    note: str = ""
    left_out: int = 0

    def number_of(self, index: int) -> int:
        """The number of a frame, counted from the innermost: beyond a gap it is not its index."""
        return index + (self.left_out if 2 * index >= len(self.frames) else 0)


class Assertion(NamedTuple):
    """A failed assertion that the C runtime passed on, with where it is in the source."""

    kind: str
    expression: str
    function: str
    file: str
    line: int


class BadPointer(NamedTuple):
    """The variable whose pointer an instruction could not follow, as far as that is proven.

    `does`: "reads", "writes", "reads and writes" or "calls" `target`, the words for the memory or
    function; `pointer`: the words for the variable or member, which held `value`, None where that
    is not known. `note`: what stands out about the value, "" for nothing.
    """

    does: str
    target: str
    pointer: str
    value: int | None
    note: str = ""
    is_reference: bool = False


class Crash(NamedTuple):
    """The exception record and what it means. `hints` are conclusions, each with its ground.

    `frame` is where it happened, also when its thread is not in the dump. `instruction`: what ran
    there, disassembled, when the code is known and it can be. `bad_pointer`: which variable led
    there, when instruction, registers and debug information prove it.
    """

    reason: Reason
    code: int
    flags: int
    parameters: tuple[int, ...]
    address: int
    thread_id: int
    frame: Frame | None = None
    address_module: Module | None = None
    assertion: Assertion | None = None
    hints: tuple[str, ...] = ()
    instruction: str = ""
    bad_pointer: BadPointer | None = None


class System(NamedTuple):
    """What the process ran on. `name` and `version` are the system's own words.

    `release`: keys and values of a Linux distribution's lsb-release.
    """

    platform: str
    name: str
    version: str
    architecture: str
    build: str = ""
    release: tuple[tuple[str, str], ...] = ()
    cpu_count: int | None = None
    cpu_info: str = ""


class Process(NamedTuple):
    """What ran. `created` in seconds since 1970, `uptime` in seconds at the time of the dump.

    How it was started, where a Windows dump holds it, with "…" for what looks secret:
    `command_line`, `image_path` and `current_directory`, and how many environment variables.
    """

    id: int | None = None
    name: str | None = None
    version: str | None = None
    created: int | None = None
    uptime: int | None = None
    command_line: str | None = None
    image_path: str | None = None
    current_directory: str | None = None
    environment_count: int | None = None


class Annotation(NamedTuple):
    """What the client left. `module` is the name of the module it was left in, if in one.

    `type` is Crashpad's (1: string). `wins`: its value is the one that is uploaded under its name.
    `at_limit`: as long as Crashpad stores at most, so perhaps cut.
    """

    kind: AnnotationKind
    name: str
    value: str
    module: str | None = None
    module_index: int | None = None
    type: int = 1
    size: int = 0
    wins: bool = False
    at_limit: bool = False


class CrashpadIds(NamedTuple):
    """What Crashpad says about the report itself."""

    version: int
    report_id: UUID
    client_id: UUID
    address_mask: int = 0


class Handle(NamedTuple):
    """A handle the process had open; only Windows dumps list them."""

    handle: int
    type: str
    name: str
    granted_access: int = 0


class SecretCount(NamedTuple):
    """How many strings of a kind that looks secret the dump holds; never the strings."""

    kind: str
    total: int


class MemoryExcerpt(NamedTuple):
    """Bytes of the process's memory at `address`; None when the dump does not hold them."""

    address: int
    content: bytes | None


class Stream(NamedTuple):
    """An entry of the dump's directory; `offset` and `size` in bytes."""

    type: int
    name: str
    offset: int
    size: int


class CrashReport(NamedTuple):
    """Everything that is known about one dump.

    `written` in seconds since 1970. `crashing_thread` is an index into `threads`, None when the
    dump says nothing of a crash or its thread is not among them. `messages` are what the runtime
    said when it gave up (macOS), `comments` what the program put in for a reader. `symbols`: a
    verdict on each module that the stacks lead through. `handles`, `memory` and `secrets` are there
    only when they were asked for. `origin` says what the dump was taken out of ("": of
    nothing); the fields of a form body are annotations of the kind "form".
    """

    path: str
    size: int
    writer: str
    written: int | None
    system: System | None
    process: Process
    crash: Crash | None
    threads: tuple[Thread, ...]
    crashing_thread: int | None
    modules: tuple[Module, ...]
    unloaded_modules: tuple[Module, ...]
    crashpad: CrashpadIds | None = None
    annotations: tuple[Annotation, ...] = ()
    messages: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    streams: tuple[Stream, ...] = ()
    problems: tuple[Problem, ...] = ()
    handles: tuple[Handle, ...] | None = None
    memory: tuple[MemoryExcerpt, ...] = ()
    symbols: tuple[ModuleStatus, ...] = ()
    secrets: tuple[SecretCount, ...] | None = None
    origin: str = ""

    @property
    def crashed_thread(self) -> Thread | None:
        """The thread that the dump is about."""
        return None if self.crashing_thread is None else self.threads[self.crashing_thread]

    @property
    def is_damaged(self) -> bool:
        """Whether damage has lost something that the dump should hold."""
        return any(problem.loses_data for problem in self.problems)
