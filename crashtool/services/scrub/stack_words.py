"""Words on the stacks of a minidump that may lead a walk on: they stay, whatever they spell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crashtool.formats.minidump.texts import MEMORY, TextPlace
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.analyze.module_map import ModuleMap
from crashtool.services.scrub.secret_spans import SecretSpan

if TYPE_CHECKING:
    from crashtool.formats.minidump.file import Minidump
    from crashtool.model.crash import CrashReport
    from crashtool.services.scrub.file_bytes import FileBytes

NARROW = ("x86", "arm", "mips", "ppc", "sparc")


class _Stack(NamedTuple):
    start: int
    end: int


class Pointers:
    """The stacks of a dump, and which of their words point to code or to a stack."""

    def __init__(self, dump: Minidump, report: CrashReport) -> None:
        architecture = report.system.architecture if report.system else ""
        self.width = 4 if architecture in NARROW else 8
        self._modules = ModuleMap(report.modules)
        self._stacks = sorted(set(_walk_stacks(dump, report)))

    def walk_kept(
        self, data: FileBytes, text_place: TextPlace, finding: SecretSpan
    ) -> Iterator[tuple[int, int]]:
        """(first, behind the last) offset of each word that must stay, of those in a finding."""
        start, end = finding.start, finding.end
        if text_place.kind != MEMORY or not self._is_stack(
            text_place.address + start - text_place.rva
        ):
            return
        shift = text_place.rva - text_place.address  # from address to offset
        low = (start - shift) // self.width * self.width
        for address in range(low, end - shift, self.width):
            first = address + shift
            if first < text_place.rva or first + self.width > text_place.rva + text_place.size:
                continue
            if self._is_pointer(int.from_bytes(data[first : first + self.width], "little")):
                yield first, first + self.width

    def _is_stack(self, address: int) -> bool:
        return any(stack.start <= address < stack.end for stack in self._stacks)

    def _is_pointer(self, value: int) -> bool:
        return self._modules.find(value) is not None or self._is_stack(value)


def _walk_stacks(dump: Minidump, report: CrashReport) -> Iterator[_Stack]:
    for thread in report.threads:
        if thread.stack_size:
            yield _Stack(thread.stack_start, thread.stack_start + thread.stack_size)
        pointer = thread.registers.stack_pointer if thread.registers else None
        span = dump.memory.find_range(pointer) if pointer is not None else None
        if span:
            yield _Stack(span.start, span.start + span.size)
