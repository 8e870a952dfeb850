"""Many small crashes of one program, whose stacks are known by its symbols."""

import struct
from uuid import UUID

from crashtool.formats.minidump.crashpad_info import CrashpadInfo
from tests.synth.minidump import MinidumpBuilder
from tests.synth.symbol_file import build_symbol_file, func, line

BASE, SIZE = 0x400000, 0x10000
STACK = 0x7000
BUILD_ID = bytes(range(20))
MODULE = "MODULE Linux x86_64 030201000504070608090A0B0C0D0E0F0 game"
FUNCTIONS = ("draw", "load", "check", "main")
STEP = 0x100
CLIENT = UUID(int=7)


def name_symbols():
    """The .sym file of the program: each of FUNCTIONS calls the next inner one."""
    rows = []
    for number, name in enumerate(FUNCTIONS):
        start = 0x1000 + number * STEP
        rows += [func(start, STEP, f"game::{name}()", line(start, STEP, 10 + number))]
        rows.append(f"STACK CFI INIT {start:x} {STEP:x} .cfa: $rsp 8 + .ra: .cfa 8 - ^")
    return build_symbol_file(*rows, module=MODULE)


def address_of(name):
    return BASE + 0x1000 + FUNCTIONS.index(name) * STEP + 0x20


def crash(number, *calls, when=1_764_000_000, version="1.4.2", product="Game", more=(), signal=11):
    """A crash in the first of the calls, with a report id of its own."""
    registers = {"rip": address_of(calls[0]), "rsp": STACK}
    stack = b"".join(struct.pack("<Q", address_of(name) + 5) for name in calls[1:])
    pairs = (("prod", product), ("ver", version), *more)
    return (
        MinidumpBuilder(timestamp=when)
        .add_system("linux", "x86_64", major=6, build=0)
        .add_misc(5, process_id=number)
        .add_thread(7, registers=registers, stack=(STACK, stack.ljust(128, b"\0")))
        .add_module("/srv/game/game", BASE, SIZE, build_id=BUILD_ID)
        .set_exception(7, signal, registers=registers)
        .set_crashpad(CrashpadInfo(1, UUID(int=number << 64 | number), CLIENT, pairs, (), 0))
        .pack()
    )
