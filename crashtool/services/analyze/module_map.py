"""The modules of a dump, and which of them an address lies in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from crashtool.formats.foreign_paths import base_name
from crashtool.model.crash import UnloadedHit
from crashtool.model.module import Module

if TYPE_CHECKING:
    from crashtool.formats.minidump.modules import DumpModule, UnloadedModule

MAX_OVERLAPPING = 64  # as many unloaded modules as Windows remembers
NO_VERSION = ".".join("0000")  # what Crashpad writes for an image without a version
DELETED = " (deleted)"
UNNAMED = "(unnamed)"


class ModuleMap:
    """Modules by address. Where two claim an address, the one that starts closer below it wins."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self._modules = sorted(modules, key=_base)
        self._bases = [module.base for module in self._modules]
        self._ends = [module.end for module in self._modules]

    def find(self, address: int) -> Module | None:
        """The module that holds the address."""
        place = bisect_right(self._bases, address) - 1
        if place >= 0 and address < self._ends[place]:
            return self._modules[place]
        return None

    def find_all(self, address: int) -> tuple[UnloadedHit, ...]:
        """The modules that hold the address, by name and offset; no name twice.

        For unloaded modules, which may overlap. Of those that start below the address only the
        closest are looked at, so that a dump with many costs no more.
        """
        place = bisect_right(self._bases, address)
        close = self._modules[max(0, place - MAX_OVERLAPPING) : place]
        hits = {
            module.name: UnloadedHit(module.name, address - module.base)
            for module in close
            if address < module.end
        }
        return tuple(hits.values())


def read_modules(modules: Iterable[DumpModule]) -> tuple[Module, ...]:
    """The loaded modules in the dump's order: the program itself comes first."""
    return tuple(
        Module(
            base=module.base,
            size=module.size,
            name=name_module(module.name, module.debug_file),
            code_file=module.name,
            code_id=module.code_id,
            debug_file=module.debug_file,
            debug_id=module.debug_id,
            version=None if module.version == NO_VERSION else module.version,
        )
        for module in modules
    )


def read_unloaded_modules(modules: Iterable[UnloadedModule]) -> tuple[Module, ...]:
    """The modules that were unloaded before the dump; Windows remembers the last 64."""
    return tuple(
        Module(
            base=module.base,
            size=module.size,
            name=name_module(module.name),
            code_file=module.name,
            code_id=module.code_id,
        )
        for module in modules
    )


def name_module(path: str, debug_file: str | None = None) -> str:
    """What a module is called; by its debug file where the dump has no path, else UNNAMED.

    Linux appends " (deleted)" to the path of a mapped file that was replaced meanwhile.
    """
    return base_name(path.removesuffix(DELETED)) or base_name(debug_file or "") or UNNAMED


def _base(module: Module) -> int:
    return module.base
