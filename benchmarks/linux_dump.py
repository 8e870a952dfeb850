"""Builds a minidump whose stack is full of return addresses into one real Linux library."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from small_dump import FULL_CONTEXT, STACK_BASE, Layout, add_crashpad_info, pack_list

from crashtool.formats.minidump.context import X8664Context
from crashtool.formats.minidump.streams import (
    EXCEPTION,
    MEMORY_LIST,
    MODULE_LIST,
    SYSTEM_INFO,
    THREAD_LIST,
)
from crashtool.formats.minidump.structs import (
    ExceptionStream,
    MemoryDescriptor,
    ModuleRecord,
    SystemInfoRecord,
    ThreadRecord,
)
from crashtool.formats.object_file.identify import find_code, read_object_files
from crashtool.formats.object_kinds import ELF, CodeRange
from crashtool.services.symbols.unwind_information import open_unwind_tables

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

BASE = 0x7F12_0000_0000
PLATFORM_LINUX = 0x8201
BUILD_ID = b"LEpB"  # the kind of a module's record that its build id follows
SIGSEGV, SEGV_MAPERR = 11, 1
CALL, CALL_SIZE = 0xE8, 5  # CALL rel32
WORD = struct.Struct("<Q")
NEARBY = 1 << 12  # bytes of code in which a call is looked for
MAX_TRIES = 1 << 16
STACK_POINTER, FRAME_POINTER = "rsp", "rbp"
FRAME_BASE = re.compile(r"\.cfa: (\w+) (-?\d+) \+(?= \.ra: \.cfa -8 \+ \^| |$)")
SAVED_POINTER = re.compile(r"rbp: \.cfa (-\d+) \+ \^")
RETURN_ADDRESS = ".ra: .cfa -8 + ^"
POINTED_SIZE = 128  # bytes of a frame that is found by the frame pointer


class Frame(NamedTuple):
    """A frame of the stack: where in the module its code goes on, and how its caller is found.

    The caller's frame begins `distance` above the register `base`; `saved` is where from there
    the caller's frame pointer is, None where it was not saved.
    """

    address: int
    base: str
    distance: int
    saved: int | None

    @property
    def size(self) -> int:
        """Bytes of the stack that it takes."""
        return self.distance if self.base == STACK_POINTER else POINTED_SIZE


def build_linux_dump(library: Content, name: str, depth: int, seed: int = 1) -> bytes:
    """A crash in the library `name` whose stack is `depth` frames deep by its unwind rules.

    `library`: its file, which has its code and its unwind rules. ValueError when it has too few
    calls whose frames are found from the stack pointer.
    """
    chain = list(choose_frames(library, depth, seed))
    layout = Layout()
    layout.stream(
        SYSTEM_INFO,
        SystemInfoRecord(
            architecture=9,
            level=6,
            cpu_count=8,
            major=5,
            platform=PLATFORM_LINUX,
            csd_rva=layout.wide_string("5.15.0"),
        ).pack(),
    )
    stack, pointer = lay_out(chain)
    context = X8664Context(
        flags=FULL_CONTEXT, rsp=STACK_BASE, rbp=pointer, rip=BASE + chain[0].address
    ).pack()
    thread = ThreadRecord(
        id=1000,
        stack_start=STACK_BASE,
        stack_size=len(stack),
        stack_rva=layout.add(stack),
        context_size=len(context),
        context_rva=layout.add(context),
    )
    layout.stream(THREAD_LIST, pack_list([thread]))
    layout.stream(
        EXCEPTION,
        ExceptionStream(
            thread_id=thread.id,
            code=SIGSEGV,
            flags=SEGV_MAPERR,
            parameters=bytes(120),
            context_size=thread.context_size,
            context_rva=thread.context_rva,
        ).pack(),
    )
    layout.stream(MODULE_LIST, pack_list([_module_record(layout, library, name)]))
    add_crashpad_info(layout)
    memory = MemoryDescriptor(start=STACK_BASE, size=len(stack), rva=thread.stack_rva)
    layout.stream(MEMORY_LIST, pack_list([memory]))
    return layout.finish()


def choose_frames(library: Content, depth: int, seed: int) -> Iterator[Frame]:
    """Frames of functions all over the code, none twice, innermost first."""
    chance = random.Random(seed)  # noqa: S311 (plausible places, not secrets)
    tables = open_unwind_tables(library, ELF, "x86_64")
    spans = [code for code in find_code(library) if code.present]
    if tables is None or not spans:
        raise ValueError("the library has no code or no unwind rules")
    weights = [code.size for code in spans]
    chosen: set[int] = set()
    for _ in range(MAX_TRIES):
        code = chance.choices(spans, weights)[0]
        address = _find_return(library, code, chance.randrange(code.size))
        cfi = tables.find_cfi(address - 1) if address else None
        if address is None or cfi is None or cfi.start in chosen:
            continue
        frame = _find_frame(address, cfi.rules)
        # The innermost frame is looked up as it is, not as where a call returns to.
        if frame and (chosen or tables.find_cfi(address) == cfi):
            chosen.add(cfi.start)
            yield frame
        if len(chosen) == depth:
            return
    raise ValueError("the library has too few calls with frames of a known size")


def lay_out(chain: Sequence[Frame]) -> tuple[bytes, int]:
    """The stack from STACK_BASE on, and the frame pointer of the innermost frame."""
    stack = bytearray(sum(frame.size for frame in chain))
    first_pointer = 0
    holder: int | None = None  # where in the stack the frame pointer is; None: in the register
    end = 0
    for frame, caller in zip(chain, [*chain[1:], None], strict=True):
        end += frame.size
        if frame.base == FRAME_POINTER:
            pointer = STACK_BASE + end - frame.distance
            if holder is None:
                first_pointer = pointer
            else:
                WORD.pack_into(stack, holder, pointer)
        if frame.saved is not None:
            holder = end + frame.saved
        if caller is not None:
            WORD.pack_into(stack, end - WORD.size, BASE + caller.address)
    return bytes(stack), first_pointer


def _find_return(library: Content, code: CodeRange, offset: int) -> int | None:
    """Where the first direct call behind an offset of the code returns to."""
    text = bytes(library[code.offset + offset : code.offset + min(offset + NEARBY, code.size)])
    at = text.find(CALL)
    while 0 <= at < len(text) - CALL_SIZE:
        end = at + CALL_SIZE
        target = offset + end + int.from_bytes(text[at + 1 : end], "little", signed=True)
        if 0 <= target < code.size:
            return code.address + offset + end
        at = text.find(CALL, at + 1)
    return None


def _find_frame(address: int, rules: str) -> Frame | None:
    """The frame of code with such rules; None where they are none of the two usual kinds."""
    if rules.count(".cfa:") != len(FRAME_BASE.findall(rules)) or RETURN_ADDRESS not in rules:
        return None
    base, distance = FRAME_BASE.findall(rules)[-1]
    saved = SAVED_POINTER.findall(rules)
    frame = Frame(address, base, int(distance), int(saved[-1]) if saved else None)
    lowest = 0 if frame.saved is None else -frame.saved
    is_usual = base == STACK_POINTER or (base == FRAME_POINTER and frame.saved is not None)
    return frame if is_usual and lowest <= frame.size and frame.size % WORD.size == 0 else None


def _module_record(layout: Layout, library: Content, name: str) -> ModuleRecord:
    """The library's entry in the list of modules, with its build id."""
    code_id = read_object_files(library)[0].code_id
    assert code_id is not None
    content = BUILD_ID + bytes.fromhex(code_id.value)
    return ModuleRecord(
        base=BASE,
        size=max(code.address + code.size for code in find_code(library)),
        name_rva=layout.wide_string(f"/opt/application/{name}"),
        codeview_size=len(content),
        codeview_rva=layout.add(content),
    )
