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
from typing import NamedTuple

from factory_source import write_source

PROGRAM = r"""
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
#include "shared.h"
namespace app { namespace {
struct Local {
    int v;
    explicit Local(int x) : v(x) { where = x; }
    ~Local() { where = -v; }
    int operator()(int k) const { return v * k + peek(k); }
    bool operator<(const Local &other) const { return v < other.v; }
};
std::string spell(const std::map<std::string, std::vector<int>> &all) {
    std::ostringstream text;
    for (const auto &[name, values] : all) {
        text << name << ": ";
        for (int value : values) text << value << (value % 2 ? "," : ";");
    }
    return text.str();
}
int helper(int n) {
    std::vector<int> all;
    for (int i = 0; i < n; i++) all.push_back(peek(i));
    std::stable_sort(all.begin(), all.end(), [](int a, int b) { return peek(a) < peek(b); });
    std::map<std::string, std::vector<int>> by_name;
    for (int i : all) by_name[std::to_string(i % 7)].push_back(i);
    puts(spell(by_name).c_str());
    std::unordered_map<long, std::shared_ptr<Local>> kept;
    for (int i : all) kept[i] = std::make_shared<Local>(i);
    return std::accumulate(all.begin(), all.end(), (int)kept.size());
}
template <class T> __attribute__((noinline)) T grow(T a, int n) {
    struct Inner { static T go(T x) { return x + peek((int)x); } };
    for (int i = 0; i < n; i++) a = Inner::go(a);
    return a;
}
}
struct Engine {
    virtual ~Engine() {}
    virtual int run(int n);
};
int Engine::run(int n) {
    Local local(n);
    auto outer = [&](int q) {
        auto inner = [&](int r) { return local(r) + q + peek(r); };
        return inner(q) + inner(q + 1);
    };
    std::function<int(int)> kept = outer;
    return kept(n) + helper(n) + (int)grow<long>(n, n) + (int)grow<double>(1.5, n);
}
}
volatile int where;
int unused(int n) { return peek(n) + 1; }
__attribute__((cold, noinline)) void cold(int n) { where = n; throw std::to_string(n); }
int main(int argc, char **) {
    if (argc > 100) cold(argc);
    return app::Engine().run(argc) + second(argc);
}
"""
SHARED = """
#pragma once
extern volatile int where;
static inline int peek(int n) { where = n; return where * 3; }
int second(int n);
"""
SECOND = r"""
#include <deque>
#include <list>
#include <set>
#include <string>
#include "shared.h"
template <int N> struct Step {
    static int go(int n) { return peek(n + N) + Step<N - 1>::go(n ^ N); }
};
template <> struct Step<0> { static int go(int n) { return peek(n); } };
static std::set<std::string> names;
int second(int n) {
    std::deque<int> queue(n, 1);
    std::list<std::string> all;
    for (int value : queue) all.push_back(std::to_string(value + Step<12>::go(value)));
    all.sort();
    for (const auto &text : all) names.insert(text);
    return (int)names.size() + Step<9>::go(n);
}
"""
RUST = r"""
use std::collections::{BTreeMap, HashMap};
#[derive(Debug, Clone)]
enum Shape { Dot, Line(i32, i32), Text { body: String } }
fn weigh(shape: &Shape) -> i32 {
    match shape {
        Shape::Dot => 1, Shape::Line(a, b) => a * b, Shape::Text { body } => body.len() as i32,
    }
}
fn main() {
    let mut all: HashMap<String, Vec<Shape>> = HashMap::new();
    for (number, word) in std::env::args().enumerate() {
        let shapes = all.entry(word.clone()).or_default();
        shapes.push(Shape::Line(number as i32, 3));
        shapes.push(Shape::Text { body: word });
        shapes.push(Shape::Dot);
    }
    let weights = all.iter().map(|(k, v)| (k, v.iter().map(weigh).sum()));
    let sorted: BTreeMap<_, i32> = weights.collect();
    println!("{sorted:?} {all:?}");
}
"""
RUNTIME = """
extern "C" {
int _fltused;
void *memset(void *to, int value, __SIZE_TYPE__ size) {
  for (volatile char *at = (char *)to; size--;) *at++ = (char)value;
  return to;
}
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size) {
  const char *byte = (const char *)from;
  for (volatile char *at = (char *)to; size--;) *at++ = *byte++;
  return to;
}
void __chkstk() {}
void _chkstk() {}
long long _alldiv(long long a, long long) { return a; }
long long _allrem(long long a, long long) { return a; }
}
"""
MAC_LINKER = shutil.which("ld64.lld") or shutil.which("ld64.lld-14") or "ld64.lld"
SPLIT = "-gsplit-dwarf -g"
ZSTD = "-Wl,--compress-debug-sections=zstd"
SECTIONS = "-ffunction-sections -Wl,--gc-sections"
FREE = "-ffreestanding -fno-exceptions -fno-rtti"
HOSTED = "program.cc second.cc"


class Build(NamedTuple):
    """One debug file: its name, and the commands that make it in a folder with the sources."""

    name: str
    file: str
    commands: tuple[str, ...]


def list_builds() -> Iterator[Build]:
    """All builds. Names tell the compiler, the form, and what is special."""
    yield from _list_elf()
    yield from _list_others()


def _list_elf() -> Iterator[Build]:
    plain = {
        **{f"gcc-dwarf{version}": f"g++ -g -O2 -gdwarf-{version}" for version in (2, 3, 4, 5)},
        **{f"clang-dwarf{number}": f"clang++ -g -O2 -gdwarf-{number}" for number in (2, 3, 4, 5)},
        "gcc-strict2": "g++ -g -O2 -gdwarf-2 -gstrict-dwarf",
        "gcc-O0": "g++ -g -O0", "gcc-O1": "g++ -g -O1 -no-pie", "gcc-Os": "g++ -g -Os",
        "gcc-O3-lto": "g++ -g -O3 -flto", "gcc-dwarf64": "g++ -g -O2 -gdwarf64",
        "gcc-g1": "g++ -g1 -O2", "gcc-gc4": f"g++ -g -O2 -gdwarf-4 {SECTIONS}",
        "gcc-gc5": f"g++ -g -O2 {SECTIONS}", "gcc-zlib": "g++ -g -O2 -gz=zlib",
        "gcc-zlib-gnu": "g++ -g -O2 -gz=zlib-gnu", "gcc-zstd": f"g++ -g -O2 {ZSTD}",
        "gcc-types4": "g++ -g -O2 -gdwarf-4 -fdebug-types-section",
        "gcc-types5": "g++ -g -O2 -fdebug-types-section", "gcc-openmp": "g++ -g -O2 -fopenmp",
        "gcc-m32": "g++ -g -O2 -m32", "gcc-static": "g++ -g -O2 -static",
        "gcc-icf": f"g++ -g -O2 {SECTIONS} -fuse-ld=gold -Wl,--icf=all",
        "clang-O0": "clang++ -g -O0", "clang-gmlt": "clang++ -gmlt -O2",
        "clang-gc4": f"clang++ -g -O2 -gdwarf-4 {SECTIONS}",
        "clang-gc5": f"clang++ -g -O2 {SECTIONS}",
        "clang-simple-names": "clang++ -g -O2 -gsimple-template-names",
        "clang-aranges": "clang++ -g -O2 -gdwarf-aranges",
        "clang-names": "clang++ -g -O2 -gpubnames",
        "clang-types": "clang++ -g -O2 -fdebug-types-section",
        "clang-dwarf64": "clang++ -g -O2 -gdwarf64 -gdwarf-5", "clang-m32": "clang++ -g -O2 -m32",
        "clang-lld": "clang++ -g -O2 -fuse-ld=lld -ffunction-sections -Wl,--icf=all,--gc-sections",
        "clang-lto": "clang++ -g -O2 -flto -fuse-ld=lld",
        "clang-thinlto": "clang++ -g -O3 -flto=thin -fuse-ld=lld",
        "gcc-split4": f"g++ {SPLIT} -O2 -gdwarf-4", "gcc-split5": f"g++ {SPLIT} -O2 -gdwarf-5",
        "clang-split4": f"clang++ {SPLIT} -O2 -gdwarf-4",
        "clang-split5": f"clang++ {SPLIT} -O2 -gdwarf-5",
    }  # fmt: skip
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
            f"clang-{name}", "factory.so",
            (f"clang++ --target={target} -g -O2 {FREE} -fPIC -c unit_*.cc entry.cc",
             "ld.lld -shared -o factory.so unit_000.o unit_001.o entry.o"),
        )  # fmt: skip


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
                f"dsym-{name}-{level}", "factory.dylib.dSYM/Contents/Resources/DWARF/factory.dylib",
                (f"clang++ --target={target} -g -{level} {FREE} -c unit_*.cc entry.cc",
                 (f"{MAC_LINKER} -arch {arch} -platform_version macos 11.0 11.0 -dylib "
                 "-undefined dynamic_lookup -o factory.dylib unit_000.o unit_001.o entry.o"),
                 "dsymutil factory.dylib"),
            )  # fmt: skip
    for name, target in (
        ("x64", "x86_64-pc-windows-msvc"),
        ("x86", "i686-pc-windows-msvc"),
        ("arm64", "aarch64-pc-windows-msvc"),
    ):
        for kind, compile_with, link_with in (
            ("O0", "-O0", ""), ("O2", "-O2", ""), ("ghash", "-O2 -gcodeview-ghash", "/debug:ghash"),
            ("icf", "-O2 -ffunction-sections", "/opt:icf"), ("lto", "-O2 -flto", ""),
        ):  # fmt: skip
            yield Build(
                f"pdb-{name}-{kind}", "factory.pdb",
                ((f"clang++ --target={target} -g -gcodeview {compile_with} {FREE} "
                 "-fno-threadsafe-statics -c unit_*.cc entry.cc"),
                 f"clang++ --target={target} -O1 -fno-builtin {FREE} -c runtime.cc",
                 (f"lld-link /debug {link_with} /dll /noentry /nodefaultlib /opt:noref "
                 "/export:start_factory /out:factory.dll /force:unresolved "
                 "unit_000.o unit_001.o entry.o runtime.o")),
            )  # fmt: skip


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
        (place / "runtime.cc").write_text(RUNTIME)
    for name, text in (
        ("program.cc", PROGRAM), ("second.cc", SECOND), ("shared.h", SHARED), ("program.rs", RUST),
    ):  # fmt: skip
        (place / name).write_text(text)
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
