"""Builds a minidump whose stack is full of return addresses into one real Windows program."""

from __future__ import annotations

import random
from pathlib import Path

from small_dump import FULL_CONTEXT, STACK_BASE, Layout, add_crashpad_info, add_system, pack_list

from crashtool.formats.minidump.context import X8664Context
from crashtool.formats.minidump.streams import EXCEPTION, MEMORY_LIST, MODULE_LIST, THREAD_LIST
from crashtool.formats.minidump.structs import (
    CodeViewRsds,
    ExceptionParameter,
    ExceptionStream,
    MemoryDescriptor,
    ModuleRecord,
    ThreadRecord,
)
from crashtool.formats.object_file.pdb_identity import read_pdb
from crashtool.formats.object_file.pe import find_pe_code, read_pe

BASE = 0x7FF7_0000_0000
ACCESS_VIOLATION = 0xC0000005
CALL = 0xE8  # CALL rel32
CALL_SIZE = 5
FRAME_WORDS = 12


def build_windows_dump(program: bytes, debug_file: bytes, name: str, depth: int) -> bytes:
    """A crash in the library of that file `name`, `depth` frames deep; the PDB must be its own."""
    returns = find_returns(program)
    chance = random.Random(depth)  # noqa: S311 (plausible places, not secrets)
    chain = [BASE + chance.choice(returns) for _ in range(depth)]
    layout = Layout()
    add_system(layout)
    stack = b"".join(
        ExceptionParameter(
            value=chain[1 + place // FRAME_WORDS] if place % FRAME_WORDS == 4 else 0
        ).pack()
        for place in range((depth - 1) * FRAME_WORDS)
    )
    context = X8664Context(flags=FULL_CONTEXT, rsp=STACK_BASE, rip=chain[0]).pack()
    thread = ThreadRecord(
        id=1000,
        priority=8,
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
            code=ACCESS_VIOLATION,
            address=chain[0],
            parameter_count=2,
            parameters=bytes(120),
            context_size=thread.context_size,
            context_rva=thread.context_rva,
        ).pack(),
    )
    layout.stream(MODULE_LIST, pack_list([module_record(layout, program, debug_file, name)]))
    add_crashpad_info(layout)
    memory = MemoryDescriptor(start=STACK_BASE, size=len(stack), rva=thread.stack_rva)
    layout.stream(MEMORY_LIST, pack_list([memory]))
    return layout.finish()


def find_returns(program: bytes) -> list[int]:
    """Addresses from the module's base that follow a direct call of code in the program."""
    code = find_pe_code(program)[0]
    text = program[code.offset : code.offset + code.size]
    found = []
    place = text.find(CALL)
    while 0 <= place < len(text) - CALL_SIZE:
        end = place + CALL_SIZE
        target = end + int.from_bytes(text[place + 1 : end], "little", signed=True)
        if 0 <= target < len(text):
            found.append(code.address + end)
        place = text.find(CALL, place + 1)
    return found


def module_record(layout: Layout, program: bytes, debug_file: bytes, name: str) -> ModuleRecord:
    """The program's entry in the list of modules, with the PDB's identity."""
    image = read_pe(program)[0]
    identity = read_pdb(debug_file)[0].debug_id
    assert image.code_id is not None
    assert identity is not None
    digits = image.code_id.value
    codeview = CodeViewRsds(signature=b"RSDS", guid=_guid(identity.uuid), age=identity.age).pack()
    codeview += f"D:\\build\\{Path(name).stem}.pdb\0".encode()
    return ModuleRecord(
        base=BASE,
        size=int(digits[8:], 16),
        timestamp=int(digits[:8], 16),
        name_rva=layout.wide_string(f"C:\\Program Files\\{name}"),
        codeview_size=len(codeview),
        codeview_rva=layout.add(codeview),
    )


def _guid(text_order: bytes) -> bytes:
    """A GUID as files hold it: its first three fields are little-endian."""
    return text_order[3::-1] + text_order[5:3:-1] + text_order[7:5:-1] + text_order[8:]
