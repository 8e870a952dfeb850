"""Whether `crashtool symbols dump` says of each address what another dump_syms says.

    python benchmarks/dumped_symbols.py FILE... [--peer PROGRAM] [--verbose]

Each FILE is a debug file, or several of one build with commas between (app.pdb,app.exe). Both tools
write a .sym file; then addresses are looked up in both: the first, a middle and the last one of
every function, the beginning of every line, where unwind rules change. Texts are not compared. The
.sym files are read by a parser of this file's own, so that a fault of our reader cannot hide
one of the writer.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from material import material_in
from peers import DEFAULT_FOLDER, DUMP_SYMS, absence, find_peer
from plan import CRASHTOOL, Plan
from rows import Row, megabytes, peak_row, time_row
from symbolicate import ABSENT
from timing import Program, measure

DUMPING = "symbols dump"

KINDS = ("function", "line", "inlines", "unwind")
EXAMPLES = 6  # of each class of difference
PARTS = re.compile(r"(\.(cold|part|isra|constprop|lto_priv)(\.\d+)?)+$")
OPERATORS = re.compile(r"operator\s*(<=>|<<=|>>=|<<|>>|<=|>=|->\*|->|<|>|\(\))")
WORDS = {
    "<=>": "order",
    "<<=": "shl=",
    ">>=": "shr=",
    "<<": "shl",
    ">>": "shr",
    "<=": "le",
    ">=": "ge",
    "->*": "arrow*",
    "->": "arrow",
    "<": "lt",
    ">": "gt",
    "()": "call",
}
MANGLED = ("_Z", "?", "_R")
STEP = 97  # of so many addresses only one is looked up where there are very many
MANY = 200_000


class Function(NamedTuple):
    """A FUNC record with its lines (address, size, number, file) and inlined calls."""

    start: int
    size: int
    name: str
    lines: list[tuple[int, int, int, str]]
    inlines: list[tuple[int, int, int, int, str, str]]  # start, size, depth, line, file, name


class Symbols:
    """What a .sym file says of addresses."""

    def __init__(self, path: Path) -> None:
        self.files: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        self.functions: list[Function] = []
        self.publics: list[tuple[int, str]] = []
        self.rules: list[tuple[int, int, str]] = []
        self.changes: list[tuple[int, str]] = []
        self.wins = 0
        for line in path.read_text("utf-8", "replace").splitlines():
            self._read(line)
        self.functions.sort(key=lambda row: row.start)
        self.rules.sort()
        self.changes.sort()
        self.publics.sort()
        self._public_starts = [row[0] for row in self.publics]
        self._starts = [row.start for row in self.functions]
        self._rule_starts = [row[0] for row in self.rules]
        self._change_starts = [row[0] for row in self.changes]

    def _read(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "FILE":
            number, _, name = rest.partition(" ")
            self.files[number] = name.replace("\\", "/").rpartition("/")[2]
        elif word == "INLINE_ORIGIN":
            number, _, name = rest.partition(" ")
            self.origins[number] = name
        elif word == "FUNC":
            parts = rest.removeprefix("m ").split(" ", 3)
            name = parts[3] if len(parts) > 3 else ""
            self.functions.append(Function(int(parts[0], 16), int(parts[1], 16), name, [], []))
        elif word == "INLINE":
            depth, line, file, origin, *ranges = rest.split()
            for start, size in zip(ranges[::2], ranges[1::2], strict=True):
                row = (
                    int(start, 16),
                    int(size, 16),
                    int(depth),
                    int(line),
                    self.files.get(file, ""),
                    self.origins.get(origin, ""),
                )
                self.functions[-1].inlines.append(row)
        elif word == "PUBLIC":
            parts = rest.removeprefix("m ").split(" ", 2)
            self.publics.append((int(parts[0], 16), parts[-1]))
        elif word == "STACK":
            self._read_stack(rest)
        elif self.functions and word and word not in ("MODULE", "INFO"):
            start, size, number, file = text.split()
            row = (int(start, 16), int(size, 16), int(number), self.files.get(file, ""))
            self.functions[-1].lines.append(row)

    def _read_stack(self, rest: str) -> None:
        if rest.startswith("CFI INIT "):
            start, size, rules = rest[9:].split(" ", 2)
            self.rules.append((int(start, 16), int(size, 16), rules))
        elif rest.startswith("CFI "):
            start, _, rules = rest[4:].partition(" ")
            self.changes.append((int(start, 16), rules))
        else:
            self.wins += 1

    def find(self, address: int) -> Function | None:
        """The function at an address; of several that cover it the innermost."""
        place = bisect_right(self._starts, address) - 1
        while place >= 0 and self._starts[place] > address - (1 << 20):
            row = self.functions[place]
            if address < row.start + row.size:
                return row
            place -= 1
        return None

    def function(self, address: int) -> str | None:
        """The plain name of the function at an address, or of the symbol before it."""
        found = self.find(address)
        if found:
            return plain_name(found.name)
        place = bisect_right(self._public_starts, address) - 1
        between = bisect_right(self._starts, address) - 1
        if place < 0 or (between >= 0 and self._starts[between] > self._public_starts[place]):
            return None
        return plain_name(self.publics[place][1])

    def line(self, address: int) -> tuple[str, int] | None:
        """The source line at an address."""
        found = self.find(address)
        for start, size, number, file in found.lines if found else ():
            if start <= address < start + size:
                return (file, number) if number else None
        return None

    def inlines(self, address: int) -> tuple[tuple[str, int], ...]:
        """The inlined calls at an address, outermost first: what is called, at which line."""
        found = self.find(address)
        rows = [
            row for row in (found.inlines if found else ()) if row[0] <= address < row[0] + row[1]
        ]
        return tuple((plain_name(row[5]), row[3]) for row in sorted(rows, key=lambda row: row[2]))

    def unwind(self, address: int) -> dict[str, str] | None:
        """The rules at an address, by register."""
        place = bisect_right(self._rule_starts, address) - 1
        if place < 0 or address >= self.rules[place][0] + self.rules[place][1]:
            return None
        start, _, text = self.rules[place]
        rules = parse_rules(text)
        first = bisect_right(self._change_starts, start - 1)
        for change in self.changes[first : bisect_right(self._change_starts, address)]:
            rules |= parse_rules(change[1])
        return rules

    def addresses(self, kind: str) -> Iterator[int]:
        """Where to look something up."""
        if kind == "unwind":
            for start, size, _ in self.rules:
                yield from (start, start + size // 2, start + size - 1)
            yield from (start for start, _ in self.changes)
            return
        for row in self.functions:
            if row.size:
                yield from (row.start, row.start + row.size // 2, row.start + row.size - 1)
            if kind != "function":
                yield from (line[0] for line in row.lines if line[1])
                yield from (call[0] for call in row.inlines)


def parse_rules(text: str) -> dict[str, str]:
    """`.cfa: $rsp 8 + .ra: .cfa -8 + ^` → a rule for each register, with $ left out."""
    rules: dict[str, list[str]] = {}
    name = ""
    for word in text.split():
        if word.endswith(":"):
            name = word[:-1].removeprefix("$")
            rules[name] = []
        elif name:
            rules[name].append(word.removeprefix("$"))
    return {name: " ".join(words) for name, words in rules.items()}


def plain_name(name: str) -> str:
    """A function's last name, without what tools differ in: parameters, types of templates."""
    if name.startswith(MANGLED):
        return name
    name = PARTS.sub("", name).replace("(anonymous namespace)", "anonymous")
    name = OPERATORS.sub(lambda match: f"operator {WORDS[match[1]]}", name)
    kept, depth = [], 0
    for letter in name:
        if letter in "<(":
            depth += 1
        elif letter in ">)":
            depth -= 1
        elif depth <= 0:
            kept.append(letter)
    words = "".join(kept).rpartition("::")[2].split()
    return " ".join(word for word in words if word not in ("const", "[clone", "static"))


class Agreement(NamedTuple):
    """How often two .sym files agree on one kind of thing, and how they differ where not."""

    kind: str
    asked: int
    equal: int
    differences: Counter[str]
    examples: dict[str, list[str]]


def compare(ours: Symbols, theirs: Symbols) -> Iterator[Agreement]:
    """Each kind of look-up, at the addresses of both."""
    for kind in KINDS:
        places = sorted({*ours.addresses(kind), *theirs.addresses(kind)})
        step = STEP if len(places) > MANY else 1
        asked = equal = 0
        differences: Counter[str] = Counter()
        examples: dict[str, list[str]] = {}
        for place in places[::step]:
            mine, other = getattr(ours, kind)(place), getattr(theirs, kind)(place)
            if not mine and not other:
                continue
            asked += 1
            if mine == other:
                equal += 1
                continue
            sort = name_difference(mine, other)
            differences[sort] += 1
            examples.setdefault(sort, [])
            if len(examples[sort]) < EXAMPLES:
                examples[sort].append(f"{place:#x}: ours {mine}, theirs {other}")
        yield Agreement(kind, asked, equal, differences, examples)


def name_difference(mine: object, other: object) -> str:
    """The class of a difference."""
    if not mine or not other:
        return "ours alone" if mine else "theirs alone"
    for whose, value in (("theirs", other), ("ours", mine)):
        if any(f"'{mark}" in repr(value) for mark in MANGLED):
            return f"{whose} not demangled"
    return "different"


def dump_both(files: list[str], peer: str, folder: Path) -> tuple[Path, Path] | str:
    """Both tools' .sym files of one module, or why there are none."""
    ours, theirs = folder / "ours.sym", folder / "theirs.sym"
    with ours.open("wb") as stream:
        done = subprocess.run(
            [CRASHTOOL, "symbols", "dump", "-q", *files],
            stdout=stream,
            stderr=subprocess.PIPE,
            check=False,
        )
    if done.returncode:
        return f"crashtool: {done.stderr.decode('utf-8', 'replace').strip()[:200]}"
    other = subprocess.run(
        [peer, "--inlines", "-o", str(theirs), *files], capture_output=True, check=False
    )
    if other.returncode or not theirs.exists():
        return f"the peer: {other.stderr.decode('utf-8', 'replace').strip()[:200]}"
    return ours, theirs


def report(name: str, rows: Iterable[Agreement], *, verbose: bool) -> Counter[tuple[str, str]]:
    """Print a module's figures; its counts, by kind and class."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts[row.kind, "asked"] += row.asked
        counts[row.kind, "equal"] += row.equal
        share = 100 * row.equal / row.asked if row.asked else 100.0
        words = ", ".join(f"{count} {sort}" for sort, count in row.differences.items())
        print(
            f"{name:<40.40} {row.kind:<9} {row.equal:>8} of {row.asked:>8}  {share:6.2f} %  {words}"
        )
        for sort, lines in row.examples.items() if verbose else ():
            print("\n".join(f"    {sort}: {line}" for line in lines))
    return counts


def measure_dumping(plan: Plan) -> Iterator[Row]:
    """A large library with DWARF to .sym text: nothing cached, and again with what that left."""
    library = material_in(plan.peers).factory.library
    peer = find_peer(DUMP_SYMS, plan.peers)
    if not peer or not library.exists():
        yield Row(
            "debug files to .sym", DUMPING, skipped=absence(DUMP_SYMS) if not peer else ABSENT
        )
        return
    cache, target = plan.scratch / "dump-cache", plan.scratch / "dumped.sym"
    command = [CRASHTOOL, "symbols", "dump", "-q", "-o", str(target), str(library)]
    keep = [shutil.which("env") or "env", f"XDG_CACHE_HOME={cache}"]
    forget = partial(shutil.rmtree, cache, ignore_errors=True)
    first = Program(DUMPING, [*keep, *command], forget)
    again = Program(f"{DUMPING}, cached", [*keep, *command])
    theirs = Program(DUMP_SYMS.name, [peer, "--inlines", "-o", str(target), str(library)])
    name = f"a library of {megabytes(library.stat().st_size)} to .sym"
    figures = measure([first, theirs], plan.rounds(3))
    yield time_row(name, figures[first.name], figures[theirs.name], None)
    yield peak_row(name, figures[first.name], figures[theirs.name], None)
    figures = measure([again, theirs], plan.rounds(3))
    yield time_row(name, figures[again.name], figures[theirs.name], None)


def main() -> int:
    """Compare the files that were named; 1 when one could not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE[,FILE]")
    parser.add_argument("--peer", default=find_peer(DUMP_SYMS, DEFAULT_FOLDER))
    parser.add_argument("--verbose", action="store_true")
    wishes = parser.parse_args()
    total: Counter[tuple[str, str]] = Counter()
    failures = 0
    for text in wishes.files:
        files = text.split(",")
        with tempfile.TemporaryDirectory() as folder:
            made = dump_both(files, wishes.peer, Path(folder))
            if isinstance(made, str):
                failures += 1
                print(f"{Path(files[0]).name:<40.40} {made}")
                continue
            ours, theirs = (Symbols(path) for path in made)
            total += report(Path(files[0]).name, compare(ours, theirs), verbose=wishes.verbose)
    for kind in KINDS:
        if asked := total[kind, "asked"]:
            equal = total[kind, "equal"]
            print(
                f"{'in all':<40} {kind:<9} {equal:>8} of {asked:>8}  {100 * equal / asked:6.2f} %"
            )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
