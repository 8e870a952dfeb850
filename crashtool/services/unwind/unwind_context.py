"""What a walk looks at: the process's memory, its modules, and what is known of their code."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.unwind.machine import CallSite, Machine

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.formats.minidump.memory import Memory
    from crashtool.formats.unwind_rules import CfiText, FrameData
    from crashtool.formats.variables.places import FoundScope
    from crashtool.model.crash import FrameTrust
    from crashtool.model.module import Module

ANYWHERE = range(1 << 64)
MAX_DETOUR = 64  # bytes of a function that does little but jump to another
LOWEST_CODE = 0x1000  # no system maps the first page
# ARM64 processors pass over the top byte of a pointer to data (Arm ARM, "Address tagging"), where
# Android's allocators and sanitizers keep a tag.
TAGGED = {"arm64": (1 << 56) - 1}
USER_SPACE = 1 << 48  # above are the kernel's addresses, and on x86-64 none at all
# Where Linux's signal handlers return to.
TRAMPOLINES = frozenset(
    {"__restore_rt", "__restore", "__kernel_rt_sigreturn", "__kernel_sigreturn"}
)
# The code of each: it loads the number of the system call sigreturn or rt_sigreturn, and makes it.
CODES = {
    "x86_64": {"__restore_rt": "48c7c00f0000000f05"},
    "x86": {"__kernel_rt_sigreturn": "b8ad000000cd80", "__kernel_sigreturn": "58b877000000cd80"},
    "arm64": {"__kernel_rt_sigreturn": "681180d2010000d4"},
    "arm": {"__restore": "7770a0e3000000ef", "__restore_rt": "ad70a0e3000000ef"},
}


class CodeTables(Protocol):
    """What is known of a module's code; addresses are from its base.

    `knows_functions`: a place in none of its functions is no code. `knows_unwind`: there are
    unwind rules, so that code without any keeps no frame.
    """

    @property
    def knows_functions(self) -> bool: ...  # noqa: D102
    @property
    def knows_unwind(self) -> bool: ...  # noqa: D102
    def find_function(self, address: int) -> FunctionHit | None: ...  # noqa: D102
    def find_cfi(self, address: int) -> CfiText | None: ...  # noqa: D102
    def find_frame_data(self, address: int) -> FrameData | None: ...  # noqa: D102
    def read_code(self, address: int, size: int) -> bytes | None:
        """Bytes of the module's executable code; None when unknown, b"" when it is no code."""

    def find_program(self) -> str:
        """The path of the module's own file; "" when it is not there."""

    def find_variables(self, address: int) -> list[FoundScope]:
        """The variables at an address: of merged calls, innermost first, then of the function."""

    def read_constants(self, address: int, size: int) -> bytes | None:
        """Bytes that the module never writes to; None when unknown."""


class NoTables:
    """Nothing is known of the code."""

    knows_functions = False
    knows_unwind = False

    def find_function(self, address: int) -> None:
        """None."""

    def find_cfi(self, address: int) -> None:
        """None."""

    def find_frame_data(self, address: int) -> None:
        """None."""

    def read_code(self, address: int, size: int) -> None:
        """None."""

    def find_program(self) -> str:
        """Nothing."""
        return ""

    def find_variables(self, address: int) -> list[FoundScope]:  # noqa: ARG002
        """None."""
        return []

    def read_constants(self, address: int, size: int) -> None:
        """None."""


NO_TABLES = NoTables()


class Loaded(NamedTuple):
    """A module where it is loaded, with what is known of its code."""

    module: Module
    tables: CodeTables

    @property
    def base(self) -> int:
        """Its first address."""
        return self.module.base


class StackFrame(NamedTuple):
    """A frame: its registers as far as they are known, and how they were found.

    `is_exact`: the instruction pointer is the very instruction that was interrupted, not the one
    after a call. `is_last`: unwind information says that nothing called this.
    """

    registers: Mapping[str, int]
    trust: FrameTrust
    is_exact: bool = False
    is_last: bool = False
    may_skip: bool = False


class UnwindContext:
    """One process, as a walk sees it.

    `find_loaded` gives the module at an address, `is_executable` what a map of the address space
    says of it (None: nothing). `extent`: from the lowest module's first address to the highest
    one's end; the bits above that in a pointer to code are its signature. `knows_code`: the code
    of some modules can be read.
    """

    def __init__(
        self,
        machine: Machine,
        platform: str,
        memory: Memory,
        find_loaded: Callable[[int], Loaded | None],
        is_executable: Callable[[int], bool | None],
        extent: range = ANYWHERE,
        *,
        knows_code: bool = False,
    ) -> None:
        self.knows_code = knows_code
        self.machine = machine
        self.platform = platform
        self.find_loaded = find_loaded
        self.is_executable = is_executable
        self._memory = memory
        self._bottom, self._top = extent.start, extent.stop
        self._code_mask = (1 << extent.stop.bit_length()) - 1 & machine.mask or machine.mask
        self._data_mask = TAGGED.get(machine.name, machine.mask)
        self._words = array("Q")
        self._start = self._end = 0
        self._window = b""
        self._verdicts: dict[int, bool] = {}
        self._trampolines: dict[int, str] = {}
        self._codes: dict[int, bytes | None] = {}
        self._calls: dict[int, CallSite | None] = {}
        self._detours: dict[tuple[int, int], bool] = {}

    def look_at(self, start: int, content: bytes) -> None:
        """Keep the memory that is read most at hand: a thread's stack."""
        self._start, self._end, self._window = start, start + len(content), content
        self._words = array("Q" if self.machine.width == 8 else "I")  # noqa: PLR2004 (bytes)
        self._words.frombytes(content[: len(content) // self.machine.width * self.machine.width])
        if sys.byteorder == "big":
            self._words.byteswap()

    def walk_code_values(self, start: int, most: int) -> Iterator[tuple[int, int]]:
        """(number, value) of the words from `start` on that lie within the range of the modules.

        `most` words are looked at, fewer where the dump's memory ends.
        """
        low, high, mask = self._bottom, self._top, self._code_mask
        address, odd = divmod(start - self._start, self.machine.width)
        part = (
            self._words[address : address + most] if not odd and address >= 0 else self._words[:0]
        )
        for number, value in enumerate(part):
            if low <= value & mask < high:
                yield number, value
        for number in range(len(part), most):
            candidate = self.read_pointer(start + number * self.machine.width)
            if candidate is None:
                return
            if low <= candidate & mask < high:
                yield number, candidate

    def read_pointer(self, address: int) -> int | None:
        """The pointer at an address; None when the dump does not hold it."""
        width = self.machine.width
        address &= self._data_mask
        if self._start <= address and address + width <= self._end:
            location = address - self._start
            return int.from_bytes(self._window[location : location + width], "little")
        raw = self._memory.read(address, width)
        return None if raw is None else int.from_bytes(raw, "little")

    def untag(self, pointer: int) -> int:
        """A pointer to data as the address that the processor takes it for."""
        return pointer & self._data_mask

    def read_bytes(self, address: int, size: int) -> bytes | None:
        """Memory as the dump has it; None unless all of it is there."""
        return self._memory.read(address, size)

    def strip(self, address: int) -> int:
        """A code address without what pointer authentication and Thumb add to it."""
        if self.machine.name == "arm64":
            return address & self._code_mask
        return address & ~1 if self.machine.name == "arm" else address

    def may_return_to(self, address: int) -> bool:
        """Whether a call can have left this return address: it lies in code, behind a call."""
        is_return = self._verdicts.get(address)
        if is_return is None:
            is_return = self._verdicts[address] = self._assess(address)
        return is_return

    def may_lead_to(self, address: int) -> bool:
        """Whether a chain of frame pointers can lead there: a return address, or generated code.

        That lies in no module, where the dump's map of memory says that it can be executed.
        """
        return self.may_return_to(address) or (
            self.is_outside(address)
            and self.is_executable(address - self.machine.call_size) is True
        )

    def is_outside(self, address: int) -> bool:
        """Whether what can be code lies in no module, as generated code does."""
        return self.find_loaded(address) is None and self.may_be_code(address)

    def may_be_code(self, address: int) -> bool:
        """Whether a process can execute at an address at all, as far as the dump tells."""
        location = self.strip(address)
        if not LOWEST_CODE <= location < max(USER_SPACE, self._top):
            return False
        if (loaded := self.find_loaded(location)) is not None:
            is_code = loaded.tables.read_code(location - loaded.base, 1) != b""
            return is_code or self.is_executable(location) is True
        is_stack = self._start <= location < self._end
        return self.is_executable(location) is not False and not is_stack

    def is_code_known(self, address: int) -> bool:
        """Whether what stands before an address is known: its code, or that it is none."""
        return self._read_code_before(address) is not None

    def is_function_start(self, address: int) -> bool:
        """Whether a function begins there: so does a stored pointer to it, but hardly a return.

        Only a call that never returns can be the last instruction of the function before.
        """
        location = self.strip(address)
        loaded = self.find_loaded(location)
        hit = loaded.tables.find_function(location - loaded.base) if loaded else None
        return loaded is not None and hit is not None and loaded.base + hit.start == location

    def read_code(self, address: int, size: int) -> bytes | None:
        """Code as a module's file has it, else as the dump's memory does; None if neither."""
        loaded = self.find_loaded(address)
        code = loaded.tables.read_code(address - loaded.base, size) if loaded else None
        return code or self._memory.read(address, size)

    def find_call(self, address: int) -> CallSite | None:
        """The call before a return address, if the code is known."""
        if address not in self._calls:
            self._calls[address] = self._find_call(address)
        return self._calls[address]

    def _find_call(self, address: int) -> CallSite | None:
        code = self._read_code_before(address)
        call = self.machine.find_call(code, address) if code else None
        if call is None or call.target is None:
            return call
        loaded = self.find_loaded(call.target)
        if loaded is None:
            return call
        stub = loaded.tables.read_code(call.target - loaded.base, self.machine.longest_stub)
        if stub and self.machine.is_stub(stub):
            return CallSite(None, is_import=True)
        return call

    def calls(self, call: CallSite, start: int | None) -> bool:
        """Whether a direct call leads to a function: at once, or to a short one that jumps there.

        So does qsort() of musl, which calls no comparing function itself.
        """
        target = call.target
        if target is None or start is None or target == start:
            return target is not None and target == start
        if (target, start) not in self._detours:
            self._detours[target, start] = self._is_detour(target, start)
        return self._detours[target, start]

    def _is_detour(self, target: int, start: int) -> bool:
        loaded = self.find_loaded(target)
        if loaded is None:
            return False
        first = target - loaded.base
        sizes = range(MAX_DETOUR, 0, -MAX_DETOUR // 4)
        code = next(filter(None, (loaded.tables.read_code(first, size) for size in sizes)), b"")
        jump = self.machine.find_jump(code, target, start)
        if jump is None:
            return False
        inside = loaded.tables.find_function(jump - loaded.base)
        return inside is not None and inside.start == first

    def is_trampoline(self, address: int) -> bool:
        """Whether a signal handler returns there."""
        return bool(self.find_trampoline(address))

    def find_trampoline(self, address: int) -> str:
        """The name of the code to which a signal handler returns; "" if this is none."""
        if self.platform not in ("linux", "android"):
            return ""
        trampoline = self._trampolines.get(address)
        if trampoline is None:
            trampoline = self._trampolines[address] = self._find_trampoline(address)
        return trampoline

    def _find_trampoline(self, address: int) -> str:
        loaded = self.find_loaded(address)
        if loaded is None:
            return ""
        location = address - loaded.base
        for name, digits in CODES.get(self.machine.name, {}).items():
            code = bytes.fromhex(digits)
            code_bytes = loaded.tables.read_code(location, len(code))
            if (code_bytes or self.read_bytes(address, len(code))) == code:
                return name
        before = loaded.tables.find_function(location - self.machine.call_size)
        if before is not None and location < before.start + before.size:
            return ""  # in the middle of a function: an ordinary return
        hit = loaded.tables.find_function(location)
        return hit.name if hit is not None and hit.name in TRAMPOLINES else ""

    def _assess(self, address: int) -> bool:
        machine = self.machine
        if not LOWEST_CODE <= address <= machine.mask or (machine.name == "arm64" and address % 4):
            return False
        location = self.strip(address) - machine.call_size
        loaded = self.find_loaded(location)
        if loaded is None:
            return False
        code = self._read_code_before(address)
        if code is not None:
            return machine.find_call(code, address) is not None or self.is_trampoline(address)
        if self.is_executable(location) is False:
            return False
        tables = loaded.tables
        return (
            not tables.knows_functions or tables.find_function(location - loaded.base) is not None
        )

    def _read_code_before(self, address: int) -> bytes | None:
        """The bytes of code before a return address; None when unknown, b"" when it is no code."""
        if address not in self._codes:
            self._codes[address] = self._find_code_before(address)
        return self._codes[address]

    def _find_code_before(self, address: int) -> bytes | None:
        """As many bytes as a call can take, fewer where the code itself begins nearer."""
        end = self.strip(address)
        loaded = self.find_loaded(end - 1)
        longest = self.machine.longest_call
        if loaded is not None:
            code = loaded.tables.read_code(end - 1 - loaded.base, 1)
            if code == b"":
                return b""
            sizes = range(longest, 0, -1) if code is not None else ()
            for size in sizes:
                code = loaded.tables.read_code(end - size - loaded.base, size)
                if code:
                    return code
        return self._memory.read(end - longest, longest)
