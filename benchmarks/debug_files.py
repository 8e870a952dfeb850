"""Compiles debug files for `lookups.py`, in every form that compilers of this machine make.

    python benchmarks/debug_files.py DIR [NAME...]

Each file is in a folder DIR/NAME with what belongs beside it (.dwo, .dwp, what dwz shares). A file
that a compiler of this machine cannot make is left out, and said to be. What is there stays.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from factory_source import write_source
from further_builds import Build, list_further

SOURCES = Path(__file__).parent.parent / "tests" / "programs" / "lookups"
MAC_LINKER = shutil.which("ld64.lld") or shutil.which("ld64.lld-14") or "ld64.lld"
SPLIT = "-gsplit-dwarf -g"
ZSTD = "-Wl,--compress-debug-sections=zstd"
SECTIONS = "-ffunction-sections -Wl,--gc-sections"
FREE = "-ffreestanding -fno-exceptions -fno-rtti"
HOSTED = "program.cc second.cc"


def list_builds() -> Iterator[Build]:
    """All builds. Names tell the compiler, the form, and what is special."""
    yield from _list_elf()
    yield from _list_others()
    yield from list_further()


def _list_elf() -> Iterator[Build]:
    plain = {
        **{f"gcc-dwarf{version}": f"g++ -g -O2 -gdwarf-{version}" for version in (2, 3, 4, 5)},
        **{f"clang-dwarf{number}": f"clang++ -g -O2 -gdwarf-{number}" for number in (2, 3, 4, 5)},
        "gcc-strict2": "g++ -g -O2 -gdwarf-2 -gstrict-dwarf",
        "gcc-O0": "g++ -g -O0",
        "gcc-O1": "g++ -g -O1 -no-pie",
        "gcc-Os": "g++ -g -Os",
        "gcc-O3-lto": "g++ -g -O3 -flto",
        "gcc-dwarf64": "g++ -g -O2 -gdwarf64",
        "gcc-g1": "g++ -g1 -O2",
        "gcc-gc4": f"g++ -g -O2 -gdwarf-4 {SECTIONS}",
        "gcc-gc5": f"g++ -g -O2 {SECTIONS}",
        "gcc-zlib": "g++ -g -O2 -gz=zlib",
        "gcc-zlib-gnu": "g++ -g -O2 -gz=zlib-gnu",
        "gcc-zstd": f"g++ -g -O2 {ZSTD}",
        "gcc-types4": "g++ -g -O2 -gdwarf-4 -fdebug-types-section",
        "gcc-types5": "g++ -g -O2 -fdebug-types-section",
        "gcc-openmp": "g++ -g -O2 -fopenmp",
        "gcc-m32": "g++ -g -O2 -m32",
        "gcc-static": "g++ -g -O2 -static",
        "gcc-icf": f"g++ -g -O2 {SECTIONS} -fuse-ld=gold -Wl,--icf=all",
        "clang-O0": "clang++ -g -O0",
        "clang-gmlt": "clang++ -gmlt -O2",
        "clang-gc4": f"clang++ -g -O2 -gdwarf-4 {SECTIONS}",
        "clang-gc5": f"clang++ -g -O2 {SECTIONS}",
        "clang-simple-names": "clang++ -g -O2 -gsimple-template-names",
        "clang-aranges": "clang++ -g -O2 -gdwarf-aranges",
        "clang-names": "clang++ -g -O2 -gpubnames",
        "clang-types": "clang++ -g -O2 -fdebug-types-section",
        "clang-dwarf64": "clang++ -g -O2 -gdwarf64 -gdwarf-5",
        "clang-m32": "clang++ -g -O2 -m32",
        "clang-lld": "clang++ -g -O2 -fuse-ld=lld -ffunction-sections -Wl,--icf=all,--gc-sections",
        "clang-lto": "clang++ -g -O2 -flto -fuse-ld=lld",
        "clang-thinlto": "clang++ -g -O3 -flto=thin -fuse-ld=lld",
        "gcc-split4": f"g++ {SPLIT} -O2 -gdwarf-4",
        "gcc-split5": f"g++ {SPLIT} -O2 -gdwarf-5",
        "clang-split4": f"clang++ {SPLIT} -O2 -gdwarf-4",
        "clang-split5": f"clang++ {SPLIT} -O2 -gdwarf-5",
    }
    for name, command in plain.items():
        compiler, rest = command.split(" ", 1)
        # Objects stay: split units are named after them.
        link = f"{compiler} -std=c++17 {rest} -o program program.o second.o"
        yield Build(name, "program", (f"{compiler} -std=c++17 {rest} -c {HOSTED}", link))
    for name in ("gcc-split5", "clang-split4", "clang-split5"):
        commands = "llvm-dwp -e program -o program.dwp", "rm -f program.dwo second.dwo"
        made = next(build for build in list_split() if build.name == name)
        yield Build(f"{name}-dwp", "program", (*made.commands, *commands))
    dwz = "dwz -m common.debug program other"
    made = "g++ -std=c++17 -g -O2 -gdwarf-4 -o {} " + HOSTED
    copy = "g++ -std=c++17 -g -O1 -gdwarf-4 -o other " + HOSTED
    yield Build("gcc-dwz", "program", (made.format("program"), copy, dwz))
    yield Build("gcc-dwz-single", "program", (made.format("program"), "dwz program"))
    yield Build(
        "gcc-debug-file",
        "program.debug",
        (made.format("program"), "objcopy --only-keep-debug program program.debug"),
    )
    for name, options in (("debug", "-g"), ("release", "-O -g"), ("lto", "-O -g -C lto=fat")):
        yield Build(f"rustc-{name}", "program", (f"rustc {options} -o program program.rs",))
    for name, target in (("arm64", "aarch64-linux-gnu"), ("arm", "armv7-linux-gnueabihf")):
        yield Build(
            f"clang-{name}",
            "factory.so",
            (
                f"clang++ --target={target} -g -O2 {FREE} -fPIC -c unit_*.cc entry.cc",
                "ld.lld -shared -o factory.so unit_000.o unit_001.o entry.o",
            ),
        )


def list_split() -> Iterator[Build]:
    """The builds with split units whose .dwo files lie beside them."""
    for compiler, word in (("g++", "gcc"), ("clang++", "clang")):
        for version in (4, 5):
            options = f"-std=c++17 {SPLIT} -O2 -gdwarf-{version}"
            link = f"{compiler} {options} -o program program.o second.o"
            yield Build(
                f"{word}-split{version}", "program", (f"{compiler} {options} -c {HOSTED}", link)
            )


def _list_others() -> Iterator[Build]:
    for version in (4, 5):
        options = f"-std=c++17 -g -O2 -gdwarf-{version}"
        command = f"x86_64-w64-mingw32-g++ {options} -o program.exe {HOSTED}"
        yield Build(f"mingw-dwarf{version}", "program.exe", (command,))
        yield Build(f"mingw-static{version}", "program.exe", (f"{command} -static",))
    for name, target, arch in (
        ("x86_64", "x86_64-apple-macosx11", "x86_64"),
        ("arm64", "arm64-apple-macosx11", "arm64"),
    ):
        for level in ("O0", "O2"):
            yield Build(
                f"dsym-{name}-{level}",
                "factory.dylib.dSYM/Contents/Resources/DWARF/factory.dylib",
                (
                    f"clang++ --target={target} -g -{level} {FREE} -c unit_*.cc entry.cc",
                    (
                        f"{MAC_LINKER} -arch {arch} -platform_version macos 11.0 11.0 -dylib "
                        "-undefined dynamic_lookup -o factory.dylib unit_000.o unit_001.o entry.o"
                    ),
                    "dsymutil factory.dylib",
                ),
            )
    for name, target in (
        ("x64", "x86_64-pc-windows-msvc"),
        ("x86", "i686-pc-windows-msvc"),
        ("arm64", "aarch64-pc-windows-msvc"),
    ):
        for kind, compile_with, link_with in (
            ("O0", "-O0", ""),
            ("O2", "-O2", ""),
            ("ghash", "-O2 -gcodeview-ghash", "/debug:ghash"),
            ("icf", "-O2 -ffunction-sections", "/opt:icf"),
            ("lto", "-O2 -flto", ""),
        ):
            yield Build(
                f"pdb-{name}-{kind}",
                "factory.pdb",
                (
                    (
                        f"clang++ --target={target} -g -gcodeview {compile_with} {FREE} "
                        "-fno-threadsafe-statics -c unit_*.cc entry.cc"
                    ),
                    f"clang++ --target={target} -O1 -fno-builtin {FREE} -c runtime.cc",
                    (
                        f"lld-link /debug {link_with} /dll /noentry /nodefaultlib /opt:noref "
                        "/export:start_factory /out:factory.dll /force:unresolved "
                        "unit_000.o unit_001.o entry.o runtime.o"
                    ),
                ),
            )


def make_files(
    folder: Path, names: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Path | str]]:
    """Build what is not there yet; each name with its file, or with why there is none."""
    for build in list_builds():
        if names and build.name not in names:
            continue
        place = folder / build.name
        target = place / build.file
        fault = "" if target.is_file() else _make(build, place)
        yield build.name, fault or target


def _make(build: Build, place: Path) -> str:
    place.mkdir(parents=True, exist_ok=True)
    if "factory" in build.file:
        write_source(place, units=2, workers=60)
    for source in SOURCES.iterdir():
        shutil.copy(source, place)
    for command in build.commands:
        words = [
            path
            for word in shlex.split(command)
            for path in (sorted(at.name for at in place.glob(word)) if "*" in word else [word])
        ]
        try:
            done = subprocess.run(
                words, cwd=place, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            return f"{words[0]}: {error.strerror}"
        if done.returncode:
            (place / build.file).unlink(missing_ok=True)
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            return f"{words[0]}: {(lines or done.stderr.splitlines() or ['failed'])[0]}"
    return "" if (place / build.file).is_file() else f"no {build.file}"


def main() -> int:
    """Make all files, or those named; 1 when one could not be made."""
    missing = 0
    for name, made in make_files(Path(sys.argv[1]), frozenset(sys.argv[2:])):
        missing += isinstance(made, str)
        print(name, made if isinstance(made, str) else made.stat().st_size, flush=True)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
