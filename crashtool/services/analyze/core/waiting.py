"""Threads of a 32-bit process that wait in linux-gate, where the kernel's own code is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.core_file.linux_gate import WaitingPlace

if TYPE_CHECKING:
    from crashtool.formats.minidump.context import Context
    from crashtool.formats.minidump.file import Minidump
    from crashtool.model.crash import CrashReport
    from crashtool.model.module import Module


def find_linux_gate(dump: Minidump, report: CrashReport) -> Module | None:
    """The kernel's image in a 32-bit process, if a thread waits there."""
    gate = next((module for module in report.modules if module.name.startswith("linux-gate")), None)
    return gate if gate and any(find_waiting(dump, gate)) else None


def find_waiting(dump: Minidump, gate: Module) -> tuple[WaitingPlace, ...]:
    """Where threads wait in it, each place once, as far as it is seen what lies on their stacks."""
    waiting = set()
    locations = [thread.context for thread in dump.threads]
    for location in [*locations, *([dump.exception.context] if dump.exception else [])]:
        context = dump.context(location)
        if context is None or not gate.base <= context.instruction_pointer < gate.end:
            continue
        offset = context.instruction_pointer - gate.base
        words = _count_saved(dump, context)
        if words is not None:
            waiting.add(WaitingPlace(offset, words))
    return tuple(sorted(waiting))


def _count_saved(dump: Minidump, context: Context) -> int | None:
    """3 where the kernel's entry has saved ebp, edx and ecx before the return address, 0 where that
    comes first; None when neither is seen.
    """
    content = dump.memory.read(context.stack_pointer, 16)
    if content is None:
        return None
    words = [int.from_bytes(content[at : at + 4], "little") for at in range(0, 16, 4)]
    is_saved = words[1:3] == [context.registers["edx"], context.registers["ecx"]]
    for count in (3, 0) if is_saved else (0,):
        if any(module.base <= words[count] < module.base + module.size for module in dump.modules):
            return count
    return None
