"""Puts symbol files into a Breakpad store, by what their MODULE line says."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from crashtool.errors import CrashtoolError
from crashtool.formats.breakpad.symbol_header import read_module_line

OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
HEADER = b"MODULE "
NO_NAMES = (None, "", ".", "..")  # a dump may say anything


def read_symbol_file(path: Path) -> bytes | None:
    """The text of a .sym file, unpacked; None when it is something else."""
    opener = OPENERS.get(path.suffix)
    with (opener or Path.open)(path, "rb") as file:  # type: ignore[operator]
        if file.read(len(HEADER)) != HEADER:
            return None
        return HEADER + bytes(file.read())


def store_place(text: bytes) -> Path | None:
    """Where a .sym file belongs in a store; None when its first line is damaged."""
    try:
        module = read_module_line(text[:4096])
    except CrashtoolError:
        return None
    if module.debug_id is None or module.debug_file in NO_NAMES:
        return None
    return _place(module.debug_file, module.debug_id.breakpad)


def _place(name: str, identifier: str) -> Path:
    stem = name[:-4] if name.lower().endswith(".pdb") else name
    return Path(name, identifier, stem + ".sym")


def name_as_modules(store: Path, modules: Iterable[tuple[str | None, str]]) -> None:
    """Put files also where those look that ask by a module's own name: (debug file, debug id).

    A separate debug file, or one that was renamed, says another name than the module does.
    """
    known = {path.parent.name.upper(): path for path in store.rglob("*.sym")}
    for name, identifier in modules:
        source = known.get(identifier.upper())
        if not name or name in NO_NAMES:
            continue
        target = store / _place(name, identifier)
        if source and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def fill_store(store: Path, paths: Iterable[Path]) -> int:
    """Put the .sym files among `paths` into the store; how many it now holds.

    Of several for one module the longest is kept: all programs then read the same.
    """
    for path in paths:
        text = read_symbol_file(path)
        place = store_place(text) if text is not None else None
        if text is None or place is None:
            continue
        target = store / place
        if not target.is_file() or target.stat().st_size < len(text):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
    return sum(1 for _ in store.rglob("*.sym"))


def convert_files(dump_syms: str, store: Path, paths: Iterable[Path]) -> None:
    """Let Mozilla's dump_syms make .sym files of debug files; what it cannot read is left out."""
    for path in paths:
        convert_module(dump_syms, store, path)


def convert_module(dump_syms: str, store: Path, *parts: Path) -> None:
    """One .sym file from a module's files: the library and its separate debug file, say."""
    scratch = store.with_name(store.name + "-made")
    shutil.rmtree(scratch, ignore_errors=True)
    subprocess.run(
        [dump_syms, "--inlines", "--store", str(scratch), *map(str, parts)],
        capture_output=True,
        check=False,
    )
    for made in scratch.rglob("*.sym"):
        target = store / made.relative_to(scratch)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made, target)
    shutil.rmtree(scratch, ignore_errors=True)
