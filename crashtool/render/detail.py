"""The parts of a report that are only shown when asked for."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from crashtool.model.crash import CrashReport, Handle, MemoryExcerpt, Thread
from crashtool.model.module import Module
from crashtool.render.page import Cell, Page, Span, new_table
from crashtool.render.stack import add_frames
from crashtool.render.words import format_size

if TYPE_CHECKING:
    from crashtool.render.layout import Table

REGISTERS_A_LINE = 3
MAX_IDS = 8
BYTES_A_LINE = 16
PRINTABLE = range(0x20, 0x7F)


def add_threads(page: Page, report: CrashReport, *, verbose: bool) -> None:
    """The stacks of the threads that did not crash; a stack that several have is shown once."""
    architecture = report.system.architecture if report.system else "unknown"
    others = [
        thread for index, thread in enumerate(report.threads) if index != report.crashing_thread
    ]
    groups: dict[Hashable, list[Thread]] = {}
    for thread in others:
        groups.setdefault(thread.id if verbose else _stack_key(thread), []).append(thread)
    for first, *same in groups.values():
        note = first.name or ""
        if same:
            ids = ", ".join(str(thread.id) for thread in same[:MAX_IDS])
            more = ", …" if len(same) > MAX_IDS else ""
            note += f"  and {len(same)} with the same stack: {ids}{more}"
        page.heading(f"THREAD {first.id}", note.strip())
        add_frames(page, first, architecture, verbose=verbose)


def _stack_key(thread: Thread) -> Hashable:
    """What makes a stack the same; without frames every thread is of its own."""
    if not thread.frames:
        return thread.id
    return (thread.note, tuple((frame.instruction, frame.trust) for frame in thread.frames))


def add_registers(page: Page, report: CrashReport) -> None:
    """The registers at the crash, in three columns, or as many as fit."""
    thread = report.crashed_thread
    registers = thread.registers if thread else None
    if thread is None or registers is None:
        page.heading("REGISTERS", "none in the dump")
        return
    page.heading("REGISTERS", f"of thread {thread.id}")
    digits = 2 * registers.width
    cells: list[Cell] = [
        cell
        for name, value in registers.values.items()
        for cell in (Span(name, "dim"), f"{value:0{digits}x}")
    ]
    table: Table | None = None
    for pairs in range(1, REGISTERS_A_LINE + 1):
        rows = [cells[place : place + 2 * pairs] for place in range(0, len(cells), 2 * pairs)]
        table = new_table(rows, right="r-" * pairs, narrow=table)
    assert table is not None  # noqa: S101 (there is a column at least)
    page.add(table)


def add_modules(page: Page, report: CrashReport) -> None:
    """Every module with its range and identifiers, in the dump's order."""
    if report.modules:
        page.heading(f"LOADED MODULES ({len(report.modules)})")
        page.table([_module_row(module) for module in report.modules])
    if report.unloaded_modules:
        page.heading(f"UNLOADED MODULES ({len(report.unloaded_modules)})")
        page.table([_module_row(module) for module in report.unloaded_modules])


def _module_row(module: Module) -> tuple[str, ...]:
    return (
        f"{module.base:#x}",
        f"{module.end:#x}",
        module.name,
        module.version or "",
        module.debug_file or "",
        module.debug_id.breakpad if module.debug_id else "-",
        module.code_id or "-",
    )


def add_streams(page: Page, report: CrashReport) -> None:
    """The dump's directory."""
    page.heading(f"STREAMS ({len(report.streams)})")
    page.table(
        [
            (f"{stream.type:#x}", stream.name, f"at {stream.offset:#x}", format_size(stream.size))
            for stream in report.streams
        ]
    )


def add_handles(page: Page, handles: Sequence[Handle]) -> None:
    """The handles that were open."""
    page.heading(f"HANDLES ({len(handles)})")
    page.table(
        [(f"{h.handle:#x}", h.type, h.name, f"access {h.granted_access:#x}") for h in handles]
    )


def add_memory(page: Page, report: CrashReport) -> None:
    """The memory that was asked for, as hex and text."""
    for excerpt in report.memory:
        if excerpt.content is None:
            page.heading(f"MEMORY at {excerpt.address:#x}", "not in the dump")
            continue
        page.heading(f"MEMORY at {excerpt.address:#x}", f"{len(excerpt.content)} bytes")
        for line in hex_lines(excerpt, excerpt.content):
            page.line("  ", line, whole=True)


def hex_lines(excerpt: MemoryExcerpt, content: bytes) -> list[str]:
    """Addresses, bytes and text, 16 bytes a line."""
    lines = []
    for place in range(0, len(content), BYTES_A_LINE):
        chunk = content[place : place + BYTES_A_LINE]
        text = "".join(chr(byte) if byte in PRINTABLE else "." for byte in chunk)
        shown = chunk.hex(" ").ljust(3 * BYTES_A_LINE - 1)
        lines.append(f"{excerpt.address + place:016x}  {shown}  {text}")
    return lines
