"""Debug files of more compilers, linkers and languages than those of `debug_files.py`.

Those of clang 19, BOLT, gfortran, GNAT, GDC, LDC, Go and nasm are made where these programs are in
the PATH.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

HOSTED = "program.cc second.cc"
PLAIN = "-std=c++17 -g"
KERNEL = "-ffreestanding -fno-pie -mcmodel=kernel -mno-red-zone -fno-stack-protector"
PATCHABLE = "-fpatchable-function-entry=16,16 -falign-functions=32"
FOLDED = "-ffunction-sections -fuse-ld=lld -Wl,--icf=all,--gc-sections"
ORDERED = "-reorder-blocks=ext-tsp -split-functions -split-all-cold -icf=1"
HOT_AND_COLD = "-freorder-blocks-and-partition -fno-plt -ffunction-sections"
CLANG = "clang++-19"
MINGW = "x86_64-w64-mingw32-g++"


class Build(NamedTuple):
    """One debug file: its name, and the commands that make it in a folder with the sources."""

    name: str
    file: str
    commands: tuple[str, ...]


def list_further() -> Iterator[Build]:
    """All of them."""
    yield from _list_plain()
    yield from _list_stepwise()
    yield from _list_languages()
    yield from _list_windows()


def _list_plain() -> Iterator[Build]:
    """What one command makes of the program."""
    plain = {
        "gcc-O2-lto": "g++ -O2 -flto",
        "gcc-lto-dwarf4-types": "g++ -O3 -flto -gdwarf-4 -fdebug-types-section",
        "gcc-lto-zlib": "g++ -O2 -flto -gz=zlib -gdwarf-5",
        "gcc-hot-cold": f"g++ -O3 {HOT_AND_COLD}",
        "gcc-cold-lto-wpa": "g++ -O2 -flto -flto-partition=max -fno-inline-small-functions",
        "gcc-O3-unrolled": "g++ -O3 -march=native -funroll-loops",
        "gcc-og": "g++ -Og",
        "gcc-ofast-types": "g++ -Ofast -gdwarf-4 -fdebug-types-section -gno-strict-dwarf",
        "gcc-dwarf64-4": "g++ -O2 -gdwarf64 -gdwarf-4",
        "gcc-dwarf64-types": "g++ -O2 -gdwarf64 -fdebug-types-section -gz=zlib",
        "gcc-inlined-parts": "g++ -O2 -finline-functions -gno-statement-frontiers",
        "gcc-views": "g++ -O2 -gvariable-location-views=incompat5 -gdwarf-4",
        "gcc-no-as-loc": "g++ -O2 -gno-as-loc-support",
        "gcc-relative": "g++ -O2 -fdebug-prefix-map=/=./",
        "gcc-m32-static": "g++ -O2 -m32 -static -gdwarf-4",
        "gcc-shared": "g++ -O2 -shared -fPIC -fvisibility=hidden -fvisibility-inlines-hidden",
        "gcc-lld-icf": "g++ -O2 -ffunction-sections -fuse-ld=lld -Wl,--icf=all,--gc-sections",
        "gcc-gold-index": "g++ -O2 -fuse-ld=gold -Wl,--gdb-index -ggnu-pubnames",
        "gcc-profiled": "g++ -O2 -pg -finstrument-functions -fcf-protection=full",
        "gcc-sanitized": "g++ -O1 -fsanitize=address,undefined -fno-omit-frame-pointer",
        "gcc-stripped-functions": "g++ -O2 -Wl,--discard-all,--as-needed",
        "clang-O3": "clang++ -O3",
        "clang-Os-gc": "clang++ -Os -ffunction-sections -Wl,--gc-sections -fuse-ld=lld",
        "clang-zlib": "clang++ -O2 -gz=zlib -fuse-ld=lld",
        "clang-line-directives": "clang++ -O2 -gline-directives-only",
        "clang-g1-split": "clang++ -O2 -g1 -fsplit-dwarf-inlining",
        "clang-thinlto-gc": f"clang++ -O2 -flto=thin {FOLDED}",
        "clang-machine-outliner": "clang++ -Oz -mllvm -enable-machine-outliner=always",
        "clang-hot-cold": "clang++ -O2 -mllvm -hot-cold-split=true",
        "clang-profiled": "clang++ -O2 -fdebug-info-for-profiling -gcolumn-info",
        "clang-block-sections": "clang++ -O2 -fbasic-block-sections=all -fuse-ld=lld",
        "clang-m32-dwarf3": "clang++ -O2 -m32 -gdwarf-3 -gstrict-dwarf",
        "clang-static-pie": "clang++ -O1 -static-pie -gdwarf-4",
        "clang-indexed": "clang++ -O1 -gsimple-template-names -gdwarf-aranges -gdwarf-4",
    }
    for name, command in plain.items():
        compiler, rest = command.split(" ", 1)
        yield Build(name, "program", (f"{compiler} {PLAIN} {rest} -o program {HOSTED}",))
    newer = {
        "O2": "-O2",
        "O0-dwarf4": "-O0 -gdwarf-4",
        "zstd": "-O2 -gz=zstd -fuse-ld=lld",
        "simple-names": "-O2 -gsimple-template-names",
        "thinlto": "-O2 -flto=thin -fuse-ld=lld",
        "lto-types": "-O2 -flto -fuse-ld=lld -fdebug-types-section",
        "split-machine": "-O2 -fsplit-machine-functions -fuse-ld=lld",
        "names": "-O2 -gpubnames -fuse-ld=lld -Wl,--debug-names",
        "gmlt": "-O2 -gmlt -fuse-ld=lld -Wl,--icf=all -ffunction-sections",
        "dwarf64": "-O2 -gdwarf64 -gdwarf-5 -fuse-ld=lld",
    }
    for name, options in newer.items():
        yield Build(
            f"clang19-{name}", "program", (f"{CLANG} {PLAIN} {options} -o program {HOSTED}",)
        )


def _list_stepwise() -> Iterator[Build]:
    """What takes several programs."""
    link = "-o program program.o second.o"
    for name, tools in {
        "gcc-split5-types": "g++ -O2 -gsplit-dwarf -fdebug-types-section",
        "gcc-split-zlib": "g++ -O2 -gsplit-dwarf -gz=zlib -gdwarf-5",
        "clang-split5-inlined": "clang++ -O2 -gsplit-dwarf -fsplit-dwarf-inlining",
        "clang19-split5": f"{CLANG} -O2 -gsplit-dwarf",
        "clang19-split5-types": f"{CLANG} -O2 -gsplit-dwarf -fdebug-types-section",
    }.items():
        compiler, rest = tools.split(" ", 1)
        made = f"{compiler} {PLAIN} {rest} -c {HOSTED}", f"{compiler} {PLAIN} {rest} {link}"
        yield Build(name, "program", made)
        if not name.startswith("gcc-split-zlib"):
            pack = "llvm-dwp-19" if "19" in name else "llvm-dwp"
            commands = f"{pack} -e program -o program.dwp", "rm -f program.dwo second.dwo"
            yield Build(f"{name}-dwp", "program", (*made, *commands))
    for name, options, dwz in (
        ("types4", "-gdwarf-4 -fdebug-types-section", "dwz -m common.debug"),
        ("version5", "-gdwarf-5", "dwz -m common.debug"),
        ("sup5", "-gdwarf-5", "dwz -5 -m common.debug"),
    ):
        made = f"g++ {PLAIN} -O2 {options} -o {{}} {HOSTED}"
        both = made.format("program"), made.replace("-O2", "-O3").format("other")
        yield Build(f"gcc-dwz-{name}", "program", (*both, f"{dwz} program other"))
        yield Build(f"gcc-dwz-alone-{name}", "program", (both[0], "dwz program"))
    yield Build(
        "gcc-dwz-lto",
        "program",
        (f"g++ {PLAIN} -O2 -flto -gdwarf-4 -o program {HOSTED}", "dwz program"),
    )
    for name, options in (
        ("bolt", "-update-debug-sections"),
        (
            "bolt-split",
            f"-update-debug-sections {ORDERED}",
        ),
    ):
        yield Build(
            f"gcc-{name}",
            "program",
            (
                f"g++ {PLAIN} -O2 -gdwarf-4 -Wl,--emit-relocs -o whole {HOSTED}",
                f"llvm-bolt-16 whole -o program {options}",
            ),
        )
    objects = "unit_000.o unit_001.o entry.o"
    for name, level in (
        ("O1", "-O1"),
        ("O2-stabs-free", "-O2 -fomit-frame-pointer"),
        ("O3", "-O3"),
    ):
        yield Build(
            f"gcc-factory-{name}",
            "factory.so",
            (
                f"g++ -g {level} -fPIC -c unit_*.cc entry.cc",
                f"g++ -shared -o factory.so {objects}",
            ),
        )
    for name, compiler, entry in (("gcc", "gcc", "gcc -g"), ("clang", "clang", "clang -g")):
        yield Build(
            f"{name}-kernel",
            "kernel",
            (
                f"{compiler} -g -O2 {KERNEL} -c kernel.c",
                f"{entry} -c entry.S",
                "ld -T kernel.lds -o kernel kernel.o entry.o",
            ),
        )
    yield Build(
        "gcc-kernel-patchable",
        "kernel",
        (
            f"gcc -g3 -O3 {KERNEL} {PATCHABLE} -c kernel.c",
            "gcc -gdwarf-2 -c entry.S",
            "ld -T kernel.lds -o kernel kernel.o entry.o",
        ),
    )


def _list_languages() -> Iterator[Build]:
    for level in ("O0", "O2", "O3"):
        yield Build(
            f"gfortran-{level}", "program", (f"gfortran -g -{level} -o program shapes.f90",)
        )
    yield Build(
        "gfortran-static", "program", ("gfortran -g -O2 -static -gdwarf-4 -o program shapes.f90",)
    )
    for level in ("O0", "O2"):
        yield Build(f"gnat-{level}", "shapes", (f"gnatmake -g -{level} -f shapes.adb",))
        yield Build(f"gdc-{level}", "program", (f"gdc -g -{level} -o program shapes.d",))
        yield Build(f"ldc-{level}", "program", (f"ldc2 -g -{level} -of=program shapes.d",))
    for name, options in (
        ("plain", ""),
        ("unoptimized", "-gcflags=all=-N"),
        ("unpacked", "-ldflags=-compressdwarf=false"),
        ("pie", "-buildmode=pie"),
    ):
        yield Build(f"go-{name}", "program", (f"go build {options} -o program shapes.go",))
    yield Build(
        "nasm",
        "program",
        ("nasm -g -F dwarf -f elf64 -o shapes.o shapes.asm", "ld -o program shapes.o"),
    )
    for name, options in (
        ("O0-dwarf5", "-g -C dwarf-version=5"),
        ("size", "-g -C opt-level=z -C codegen-units=16"),
        ("thin", "-g -C opt-level=3 -C lto=thin"),
        ("lines", "-C debuginfo=1 -O"),
        ("packed", "-g -O -C split-debuginfo=packed"),
        ("split", "-g -O -C split-debuginfo=unpacked"),
        ("v0", "-g -O -C symbol-mangling-version=v0"),
    ):
        yield Build(f"rustc-{name}", "program", (f"rustc {options} -o program program.rs",))


def _list_windows() -> Iterator[Build]:
    for name, options in (
        ("O3-lto", "-O3 -flto"),
        ("O0", "-O0"),
        ("types-split", "-O2 -fdebug-types-section -ffunction-sections -Wl,--gc-sections"),
        ("dll", "-O2 -shared"),
    ):
        yield Build(
            f"mingw-{name}", "program.exe", (f"{MINGW} {PLAIN} {options} -o program.exe {HOSTED}",)
        )
    free = "-ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics"
    for name, target, machine in (
        ("x64", "x86_64-pc-windows-msvc", "x64"),
        ("x86", "i686-pc-windows-msvc", "x86"),
        ("arm64", "aarch64-pc-windows-msvc", "arm64"),
    ):
        for kind, compile_with, link_with in (
            ("O1", "-O1", ""),
            ("O3", "-O3 -ffunction-sections", "/opt:icf /opt:ref"),
            ("thinlto", "-O2 -flto=thin", ""),
            ("inline", "-O2 -finline-functions -gno-column-info", "/pdbpagesize:8192"),
        ):
            objects = "unit_000.o unit_001.o entry.o runtime.o"
            yield Build(
                f"pdb19-{name}-{kind}",
                "factory.pdb",
                (
                    (
                        f"{CLANG} --target={target} -g -gcodeview {compile_with} {free} "
                        "-c unit_*.cc entry.cc"
                    ),
                    f"{CLANG} --target={target} -O1 -fno-builtin {free} -c runtime.cc",
                    (
                        f"lld-link-19 /debug {link_with} /dll /noentry /nodefaultlib "
                        f"/machine:{machine} /export:start_factory /out:factory.dll "
                        f"/force:unresolved {objects}"
                    ),
                ),
            )
    yield Build(
        "mingw-clang-pdb",
        "program.pdb",
        (
            (
                f"{CLANG} --target=x86_64-w64-mingw32 -fuse-ld=lld -std=c++17 -g -gcodeview -O2 "
                f"-Wl,--pdb=program.pdb -o program.exe {HOSTED}"
            ),
        ),
    )
    yield Build(
        "mingw-clang-dwarf",
        "program.exe",
        (
            (
                f"{CLANG} --target=x86_64-w64-mingw32 -fuse-ld=lld {PLAIN} -O2 "
                f"-o program.exe {HOSTED}"
            ),
        ),
    )
