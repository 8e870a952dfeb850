"""Makes what symbolication is measured with: a large library, dumps of crashes in it, stores.

    python benchmarks/material.py [DIR]

Takes some ten minutes and 1 GB, once; DIR is benchmarks/.cache unless told. Needs g++ and Mozilla's
dump_syms; for the dump of the Java VM, Debian's openjdk-17-dbg and a Java compiler; for the PDB,
clang and lld.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from factory_source import CRASHER, UNITS, WORKERS, write_source
from peers import DEFAULT_FOLDER, DUMP_SYMS, absence, find_peer
from plan import CRASHTOOL
from symbol_stores import convert_files, convert_module

COMPILE = ["-std=c++17", "-g", "-c"]
# Without warnings: `long` has 32 bits there.
FOR_WINDOWS = ["--target=x86_64-pc-windows-msvc", "-gcodeview", "-w"]
DEPTH = 24
DEPTHS = (2, 5, 10, DEPTH, 240)  # calls
OPTIMIZED = 11  # one unit in so many is optimized: that takes the compiler much longer
JAVA_CRASH = """\
import java.lang.reflect.Field;
import sun.misc.Unsafe;

public class Crash {
  public static void main(String[] words) throws Exception {
    Field field = Unsafe.class.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    ((Unsafe) field.get(null)).putLong(8, 16);
  }
}
"""


class Missing(Exception):
    """Something that the material is made with is not here."""


class Works(NamedTuple):
    """A library that is built and crashes: its source's size, and where its parts are."""

    folder: Path
    name: str
    units: int
    workers: int

    @property
    def build(self) -> Path:
        """The build folder: the source, the program, the library with its debug information."""
        return self.folder / self.name

    @property
    def library(self) -> Path:
        """The library."""
        return self.build / f"lib{self.name}.so"

    @property
    def store(self) -> Path:
        """The .sym files of the library, the program and the system's libraries."""
        return self.folder / f"{self.name}-store"

    @property
    def symbols(self) -> Path:
        """The library's .sym file."""
        return next(self.store.glob(f"{self.library.name}/*/*.sym"), self.store / "absent")

    def dump(self, depth: int = DEPTH) -> Path:
        """A real crash, so many calls deep in the library."""
        return self.folder / f"{self.name}-{depth}.dmp"

    @property
    def is_made(self) -> bool:
        """Whether all parts are there."""
        return self.symbols.is_file() and all(self.dump(depth).is_file() for depth in DEPTHS)


class Material(NamedTuple):
    """Where the parts are, whether or not they have been made."""

    folder: Path

    @property
    def factory(self) -> Works:
        """More than 100 MB of .sym text, and of DWARF."""
        return Works(self.folder, "factory", UNITS, WORKERS)

    @property
    def workshop(self) -> Works:
        """Some MB of .sym text, as programs of middling size have."""
        return Works(self.folder, "workshop", 2, 800)

    @property
    def shed(self) -> Works:
        """Some 100 KB of .sym text; that of the C library is larger."""
        return Works(self.folder, "shed", 2, 20)

    @property
    def java_dump(self) -> Path:
        """A real crash of the Java VM."""
        return self.folder / "java.dmp"

    @property
    def java_store(self) -> Path:
        """The .sym files of the Java VM and the system's libraries."""
        return self.folder / "java-store"

    @property
    def windows_library(self) -> Path:
        """The large library as a DLL; its PDB is beside it."""
        return self.folder / "windows" / "factory.dll"


def material_in(peers: Path) -> Material:
    """The material beside the peers."""
    return Material(peers / "symbolicate")


def make_works(works: Works, dump_syms: str) -> None:
    """Compile a library and its program, and let them crash at each depth."""
    program = works.build / "crasher"
    if not works.library.is_file():
        sources = write_source(works.build, works.units, works.workers)
        (works.build / "crasher.c").write_text(CRASHER)
        run(["gcc", "-g", "-O1", "-o", program.name, "crasher.c", "-ldl"], works.build)
        objects = compile_units(["g++", *COMPILE, "-fPIC"], sources)
        link = ["g++", "-shared", "-g", "-Wl,--build-id", "-o", works.library.name]
        run([*link, *objects], works.build)
        remove_objects(works.build)
    if not works.symbols.is_file():
        needed = needed_libraries([program, works.library])
        convert_files(dump_syms, works.store, [program, works.library, *needed])
    for depth in DEPTHS:
        if not works.dump(depth).is_file():
            dump_crash([str(program), str(works.library), str(depth)], works.dump(depth))


def compile_units(compiler: Sequence[str], sources: Sequence[Path]) -> list[str]:
    """Compile on all cores; the names of the object files, which lie beside the sources."""

    def compile_one(number: int, source: Path) -> str:
        target = source.with_suffix(".o")
        if not target.is_file():
            level = "-O1" if number % OPTIMIZED == 0 else "-O0"
            made = target.with_suffix(".tmp")
            run([*compiler, level, source.name, "-o", made.name], source.parent)
            made.replace(target)
        return target.name

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, range(len(sources)), sources))


def remove_objects(folder: Path) -> None:
    """They are large, and nobody needs them after linking."""
    for path in folder.glob("*.o"):
        path.unlink()


def needed_libraries(programs: Iterable[Path]) -> list[Path]:
    """The system's libraries that the programs are linked with."""
    found = set()
    for program in programs:
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
        found |= {word for word in listed.stdout.split() if word.startswith("/")}
    return [Path(path).resolve() for path in sorted(found)]


def dump_crash(program: Sequence[str], target: Path) -> None:
    """Run a program under the real handler and keep the minidump of its crash."""
    database = target.with_suffix(".database")
    subprocess.run(
        [
            CRASHTOOL,
            "run",
            "--quiet",
            "--report",
            os.devnull,
            "--database",
            str(database),
            "--",
            *program,
        ],
        capture_output=True,
        check=False,
    )
    dump = next(database.rglob("*.dmp"), None)
    if dump is None:
        raise Missing(f"no minidump of {' '.join(program)}")
    shutil.move(dump, target)
    shutil.rmtree(database)


def make_windows(material: Material) -> None:
    """Compile the large library for Windows, too: its DLL and PDB."""
    folder = material.windows_library.parent
    if material.windows_library.is_file():
        return
    compiler = find_tool("clang", "clang-14", "clang-16", "clang-19")
    linker = find_tool("lld-link", "lld-link-14", "lld-link-16", "lld-link-19")
    sources = write_source(folder)

    objects = compile_units([compiler, *COMPILE, *FOR_WINDOWS], sources)
    options = ["/dll", "/noentry", "/debug", "/export:start_factory", "/out:factory.dll"]
    run([linker, *options, *objects], folder)
    remove_objects(folder)


def find_tool(*names: str) -> str:
    """The first of the programs that is in PATH."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise Missing(f"no {names[0]} (Debian clang-14, lld-14)")


def make_java(material: Material, dump_syms: str) -> None:
    """Let the Java VM crash in its own code, and make its .sym file."""
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        raise Missing("no Java compiler (Debian openjdk-17-jdk-headless)")
    home = Path(java).resolve().parents[1]
    if not material.java_dump.is_file():
        folder = material.folder / "java"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Crash.java").write_text(JAVA_CRASH)
        run(["javac", "-nowarn", "Crash.java"], folder)
        log = f"-XX:ErrorFile={os.devnull}"
        # Interpreted, the write is one of the VM's own functions.
        options = ["-Xint", log, "-cp", str(folder), "Crash"]
        dump_crash([str(home / "bin" / "java"), *options], material.java_dump)
    if not any(material.java_store.rglob("*.sym")):
        library = home / "lib" / "server" / "libjvm.so"
        convert_module(dump_syms, material.java_store, library, debug_file_of(library))
        convert_files(dump_syms, material.java_store, needed_libraries([library]))


def debug_file_of(library: Path) -> Path:
    """The separate debug file of a library by its build id, where Debian's packages put it."""
    notes = subprocess.run(
        ["readelf", "--notes", str(library)], capture_output=True, text=True, check=True
    ).stdout
    build_id = notes.partition("Build ID: ")[2].split()[0]
    path = Path("/usr/lib/debug/.build-id", build_id[:2], build_id[2:] + ".debug")
    if not path.is_file():
        raise Missing(f"no {path} (Debian openjdk-17-dbg)")
    return path


def run(command: Sequence[str], folder: Path) -> None:
    """Run a compiler; Missing with its words when it fails."""
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Missing(f"no {command[0]}") from error
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(command)}: {error.stderr[-300:]}") from error


def main(arguments: list[str]) -> int:
    """Make what is not there yet; 1 when something could not be made."""
    peers = Path(arguments[0]) if arguments else DEFAULT_FOLDER
    dump_syms = find_peer(DUMP_SYMS, peers)
    if dump_syms is None:
        print(absence(DUMP_SYMS), file=sys.stderr)
        return 1
    material = material_in(peers)
    material.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    steps: list[tuple[str, Callable[[], None]]] = [
        (works.name, partial(make_works, works, dump_syms))
        for works in (material.shed, material.workshop, material.factory)
    ]
    steps.append(("java", partial(make_java, material, dump_syms)))
    steps.append(("windows", partial(make_windows, material)))
    for name, make in steps:
        print(f"{name} …", file=sys.stderr)
        try:
            make()
        except (Missing, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = 1
    for path in sorted(one for one in material.folder.rglob("*") if one.suffix in {".sym", ".dmp"}):
        print(f"{path.stat().st_size:>12,} {path}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
