"""Whether look-ups in debug files say what other readers say: functions, lines, merged calls.

    python benchmarks/lookups.py FILE-OR-FOLDER... [--addresses N] [--seed N] [--edges]
        [--symbolizer PROGRAM] [--json FILE]

Of each debug file addresses all over its code are drawn (all where there are fewer) and looked up
here, by symbolic and by llvm-symbolizer, each of which opens the file once; with --edges, those
around the first and the last byte of functions. For a PDB llvm-symbolizer reads the program beside
it. Where answers differ, the difference is classed by
`find_class`; what has no class is printed. Status 1 when there is an address where both others
agree against us and no class says why.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from posixpath import normpath
from typing import NamedTuple, TypeAlias

from crashtool.errors import CrashtoolError
from crashtool.formats import object_kinds
from crashtool.formats.dwarf.file_sections import open_all_sections
from crashtool.formats.dwarf.lookup import DwarfLookup
from crashtool.formats.object_file.identify import read_object_files
from crashtool.formats.pdb.lookup import PdbLookup
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.dwarf_functions import (
    SUPPLEMENT_LINKS,
    SplitUnits,
    open_symbols,
)
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.symbols.supplement_file import find_supplement

Place: TypeAlias = tuple[str, str, int]  # name, file, line
Answer: TypeAlias = list[Place]  # innermost first

EXAMPLES = 3
MIN_SIZE = 2000
HEADS = (b"\x7fELF", b"MZ", b"Micr", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
REWRITTEN, SPLIT, SHARED, FOLDED = "rewritten", "split", "shared", "folded"
WINDOWS = "windows"
NO_NAME = ("", "??", "<invalid>")
SYMBOLIC, LLVM = "symbolic", "llvm"
NOTHING = ("", "", 0)
BOTH = "both against us"
ALONE = "the other one agrees"


class Tested(NamedTuple):
    """One architecture of one file, opened here; addresses are from `base`."""

    path: Path
    kind: str
    architecture: str
    lookup: DwarfLookup | PdbLookup
    names: object
    base: int
    code: list[range]
    shared: bool  # whether dwz has moved something to another file


class Outcome(NamedTuple):
    """What came of one file."""

    path: str
    kind: str
    architecture: str
    asked: int
    inlined: int  # addresses inside merged calls
    equal: dict[str, int]  # to each oracle, to one of them
    heard: dict[str, int]  # addresses that an oracle could be asked
    classes: dict[str, dict[str, int]]
    both: dict[str, int]  # where both agree against us, by class
    examples: dict[str, list[str]]
    fault: str = ""


class Wishes(NamedTuple):
    """How files are compared."""

    addresses: int
    seed: int
    edges: bool
    symbolizer: str


def find_files(paths: Sequence[str]) -> Iterator[Path]:
    """Files with a debug file's head, each content once."""
    seen = set()
    for name in paths:
        top = Path(name)
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if not path.is_file() or path.stat().st_size < MIN_SIZE or path.suffix == ".o":
                continue
            with path.open("rb") as file:
                head = file.read(4096)
                file.seek(-MIN_SIZE, os.SEEK_END)
                key = path.stat().st_size, head, file.read()
            if head.startswith(HEADS) and key not in seen:
                seen.add(key)
                yield path


def open_tested(path: Path) -> Iterator[Tested]:
    """Each architecture of a file that has lines."""
    data = map_file(str(path))
    for object_file in read_object_files(data):
        architecture = object_file.architecture
        if object_kinds.LINES not in object_file.features:
            continue
        if object_file.kind == object_kinds.PDB:
            lookup = PdbLookup(data)
            code = [range(start, start + size) for start, size in lookup.list_sections()[:1]]
            yield Tested(path, object_file.kind, architecture, lookup, None, 0, code, False)
            continue
        sections = open_all_sections(data, architecture)
        if sections is None:
            continue
        if any(map(sections.has, SUPPLEMENT_LINKS)):
            sections.supplement = find_supplement(str(path), sections, [], [])
        symbols = open_symbols(data, sections, architecture)
        base = sections.base
        yield Tested(
            path,
            object_file.kind,
            architecture,
            DwarfLookup(sections, symbols, SplitUnits(str(path), [], []).find),
            symbols,
            base,
            [range(span.start - base, span.stop - base) for span in sections.code],
            sections.supplement is not None,
        )


def draw(code: list[range], count: int, seed: int) -> list[int]:
    """Addresses all over the code, in order."""
    total = sum(map(len, code))
    chosen = sorted(random.Random(seed).sample(range(total), min(total, count)))  # noqa: S311
    found, before = [], 0
    for span in code:
        while chosen and len(found) < len(chosen) and chosen[len(found)] < before + len(span):
            found.append(span.start + chosen[len(found)] - before)
        before += len(span)
    return sorted(set(found))


def list_edges(tested: Tested) -> list[range]:
    """The addresses around the first and the last byte of each function, without overlaps."""
    edges: set[int] = set()
    if isinstance(tested.lookup, PdbLookup):
        for module in tested.lookup.walk_modules():
            for symbol in module.code:
                start = tested.lookup.find_address(symbol.section, symbol.offset)
                edges |= {start, start + symbol.length} if start is not None else set()
    elif tested.lookup.symbols is not None:
        for function in tested.lookup.symbols.walk_functions():
            edges |= {function.start, function.start + function.size}
    near = {edge + step for edge in edges for step in (-2, -1, 0, 1)}
    return [range(at, at + 1) for at in sorted(near) if any(at in span for span in tested.code)]


def ask_symbolic(tested: Tested, addresses: list[int]) -> list[Answer | None]:
    """What symbolic says; None of each address when it cannot read the file."""
    try:
        from symbolic.debuginfo import Archive

        objects = list(Archive.open(str(tested.path)).iter_objects())
        known = {"arm64": "arm64", "x86_64": "x86_64", "x86": "x86"}.get(tested.architecture)
        fitting = [row for row in objects if row.arch == known] or objects
        table = fitting[0].make_symcache()
    except Exception as error:  # noqa: BLE001 (its own errors have no common class)
        print(f"  symbolic: {tested.path.name}: {error}", file=sys.stderr)
        return [None] * len(addresses)
    return [
        [to_place(row.symbol, row.full_path or "", row.line) for row in table.lookup(address)]
        for address in addresses
    ]


def has_lines(path: Path) -> bool:
    """Whether a program has lines of its own, as MinGW's have."""
    rows = read_object_files(map_file(str(path)))
    return any(object_kinds.LINES in row.features for row in rows)


def ask_llvm(tested: Tested, addresses: list[int], symbolizer: str) -> list[Answer | None]:
    """What llvm-symbolizer says; None where it gives no answer at all."""
    path = tested.path
    options = []
    if tested.kind == object_kinds.PDB:
        programs = [path.with_suffix(end) for end in (".dll", ".exe")]
        if path.with_suffix("").suffix in (".dll", ".exe"):
            programs.append(path.with_suffix(""))
        path = next((program for program in programs if program.is_file()), Path())
        if not path.name or has_lines(path):  # it would read those of the program
            return [None] * len(addresses)
    if tested.kind in (object_kinds.PDB, object_kinds.PE):
        options.append("--relative-address")
    if tested.kind == object_kinds.MACHO:
        options.append(f"--default-arch={tested.architecture}")
    base = 0 if options[:1] == ["--relative-address"] else tested.base
    done = subprocess.run(
        [
            symbolizer,
            f"--obj={path}",
            "--output-style=JSON",
            "--functions=linkage",
            "--no-demangle",
            "--inlines",
            *options,
        ],
        input="".join(f"{base + address:#x}\n" for address in addresses),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    answers: list[Answer | None] = []
    for line in done.stdout.splitlines():
        rows = json.loads(line).get("Symbol")
        if rows is None:
            answers.append(None)
            continue
        places = [to_place(r["FunctionName"], r["FileName"], r["Line"]) for r in rows]
        answers.append([] if places in ([("", "", 0)], []) else places)
    return answers + [None] * (len(addresses) - len(answers))


def to_place(name: str, file: str, line: int) -> Place:
    """A place with a readable name; the file of line 0 is not compared."""
    name = "" if name in NO_NAME else demangle(name)
    if not line or file in NO_NAME:
        return name, "", 0
    return name, normpath(file.replace("\\", "/")), line


def find_class(mine: Answer, theirs: Answer, known: set[str], traits: frozenset[str]) -> str:
    """Why two answers differ, as docs/lookups.md classes it; "" where nobody knows.

    `known` are the names that symbol tables have where the function begins; `traits` what is
    special about the file, or about the function.
    """
    names, others = [row[0] for row in mine], [row[0] for row in theirs]
    pairs = list(zip(names, others, strict=False))
    is_same = [row[1:] for row in mine] == [row[1:] for row in theirs]
    bare = [re.sub(r"(\.\d+|\.abi0)+$|@.*$", "", row) for row in others]
    folders = [
        (name, normpath(drop_twice(row[1])), row[2]) for name, row in zip(bare, theirs, strict=True)
    ]
    plain, other = drop_parameters(mine), drop_parameters(theirs)
    rules = {
        "rewritten program": REWRITTEN in traits,
        "stretched symbol": not mine and len(theirs) == 1 and not theirs[0][2],
        "split units unread": SPLIT in traits and len(theirs) == 1 and not theirs[0][2],
        "shared file unread": SHARED in traits
        and [row[2] for row in mine] == [row[2] for row in theirs],
        "alias": is_same
        and names[:-1] == others[:-1]
        and names[-1:] != others[-1:]
        and {names[-1], others[-1]} <= known,
        "thunk": is_same and any(name.startswith("[thunk]: ") for name in others),
        "decoration": WINDOWS in traits
        and is_same
        and [row[0] for row in plain] == [row[0] for row in other],
        "relative folder": len(mine) == len(theirs)
        and all(
            (a[0], a[2]) == (b[0], b[2]) and (a[1] == b[1] or a[1].endswith("/" + b[1]))
            for a, b in zip(mine, theirs, strict=True)
        ),
        "parents without code": 0 < len(mine) < len(theirs)
        and is_within(names, others)
        and mine[0][2] == theirs[0][2],
        "label of assembly": is_same and bool(others) and others[-1].startswith("."),
        "line without an entry": len(mine) == 1
        and mine[0][2] > 0
        and not mine[0][0]
        and (not theirs or (len(theirs) == 1 and not theirs[0][2])),
        "their line missing": len(mine) == len(theirs) == 1
        and names in (others, bare)
        and mine[0][2] > 0
        and not theirs[0][2],
        "nothing there": not theirs,
        "suffix": is_same and names == bare,
        "scopes": is_same
        and all(
            a in (b, c) or a.endswith((f"::{b}", f"::{c}"))
            for (a, b), c in zip(pairs, bare, strict=False)
        ),
        "folder twice": len(mine) == len(theirs) and mine == folders,
        "lost calls": 0 < len(theirs) < len(mine)
        and (mine[-len(theirs) :] == theirs or is_within(others, names)),
        "spelling": is_same
        and [find_stem(name).lstrip("_") for name in names]
        == [find_stem(name).lstrip("_") for name in others],
        "folded": FOLDED in traits,
        "underscore": is_same
        and all(a == b or a == "_" + b or a.lstrip("_") == b.lstrip("_") for a, b in pairs),
    }
    return next((name for name, holds in rules.items() if holds), "")


def drop_unread(answers: list[Answer | None]) -> list[Answer | None]:
    """Answers of an oracle; none where it has no line at all: it cannot read such a file."""
    has_lines = any(row[2] for answer in answers for row in answer or ())
    return answers if has_lines else [None] * len(answers)


def is_agreed(first: Answer, second: Answer) -> bool:
    """Whether two oracles say the same, also where only one spells parameters."""
    return first == second or drop_parameters(first) == drop_parameters(second)


def drop_parameters(answer: Answer) -> Answer:
    """An answer whose names have neither parameters nor the decoration of 32-bit Windows."""
    found = []
    for name, file, line in answer:
        bare = name.removesuffix(" const").removesuffix(" volatile")
        depth = place = 0
        if bare.endswith(")"):
            for place in range(len(bare) - 1, -1, -1):
                depth += (bare[place] == ")") - (bare[place] == "(")
                if not depth:
                    bare = bare[:place]
                    break
        bare = re.sub(r"@\d+$", "", bare).lstrip("_@")
        found.append((re.sub(r"^imp_load_+", "imp_load_", bare), file, line))
    return found


def find_stem(name: str) -> str:
    """A name's last part without template arguments, which DW_AT_name spells in other words."""
    depth, kept = 0, []
    for letter in name:
        depth += letter == "<"
        kept += [] if depth else [letter]
        depth -= letter == ">"
    return "".join(kept).rpartition("::")[2]


def is_within(names: list[str], others: list[str]) -> bool:
    """Whether the names are there in that order, with others among them."""
    rest = iter(others)
    return all(any(find_stem(name) == find_stem(other) for other in rest) for name in names)


def drop_twice(path: str) -> str:
    """A path without a folder of the compilation that is written twice."""
    for mark in re.finditer("/", path):
        head, rest = path[: mark.start()], path[mark.end() :]
        if head and rest.startswith(head + "/"):
            return rest
    return path


def compare(arguments: tuple[str, Wishes]) -> list[Outcome]:
    """All that is asked of one file; an outcome for each architecture."""
    name, wishes = arguments
    path = Path(name)
    try:
        return [_compare(tested, wishes) for tested in open_tested(path) if tested.code]
    except CrashtoolError as error:
        return [Outcome(name, "", "", 0, 0, {}, {}, {}, {}, {}, str(error))]


class Tally:
    """What comes of the addresses of one file."""

    def __init__(self, *, is_pdb: bool) -> None:
        self._is_pdb = is_pdb
        self.equal: Counter[str] = Counter()
        self.heard: Counter[str] = Counter()
        self.both: Counter[str] = Counter()
        self.classes: dict[str, Counter[str]] = {SYMBOLIC: Counter(), LLVM: Counter()}
        self.examples: dict[str, list[str]] = {}

    def add(
        self,
        address: int,
        mine: Answer,
        theirs: tuple[Answer | None, ...],
        known: set[str],
        traits: frozenset[str],
    ) -> None:
        """Count one address."""
        reasons: dict[str, str] = {}
        agreeing = [answer for answer in theirs if answer is not None]
        for oracle, answer in zip((SYMBOLIC, LLVM), theirs, strict=True):
            if answer is None:
                continue
            own, other = mine, answer
            if oracle == LLVM and self._is_pdb:
                own, other = drop_parameters(mine), drop_parameters(answer)
            self.heard[oracle] += 1
            self.equal[oracle] += own == other
            if own != other:
                reasons[oracle] = find_class(own, other, known, traits)
        is_one = len(reasons) < len(agreeing)
        for oracle, reason in reasons.items():
            self.classes[oracle][reason or ALONE * (is_one and len(agreeing) > 1)] += 1
        self.heard["one"] += bool(agreeing)
        self.equal["one"] += is_one
        if is_one:
            return
        if len(agreeing) > 1 and is_agreed(*agreeing):
            self.both[reasons[SYMBOLIC]] += 1
        if "" in reasons.values():
            self._keep(
                "/".join(reason or "?" for reason in reasons.values()),
                (hex(address), mine, *theirs),
            )

    def _keep(self, key: str, parts: tuple[object, ...]) -> None:
        kept = self.examples.setdefault(key, [])
        if len(kept) < EXAMPLES:
            kept.append("\n        ".join(map(str, parts)))


def _compare(tested: Tested, wishes: Wishes) -> Outcome:
    spans = list_edges(tested) if wishes.edges else tested.code
    addresses = draw(spans, wishes.addresses, wishes.seed)
    found = [tested.lookup.find_locations(address) for address in addresses]
    traits, starts = find_traits(tested), count_starts(tested)
    tally = Tally(is_pdb=tested.kind == object_kinds.PDB)
    asked = [ask_symbolic(tested, addresses), ask_llvm(tested, addresses, wishes.symbolizer)]
    answers = zip(*map(drop_unread, asked), strict=True)
    for address, rows, theirs in zip(addresses, found, answers, strict=True):
        mine = [to_place(row.function, row.file, row.line) for row in rows]
        known = _names_at(tested, rows)
        start = next((row.start for row in reversed(rows) if row.start is not None), None)
        fold = frozenset([FOLDED] if starts.get(start, 0) > 1 or len(known) > 1 else [])
        tally.add(address, [] if mine == [NOTHING] else mine, theirs, known, traits | fold)
    return Outcome(
        str(tested.path),
        tested.kind,
        tested.architecture,
        len(addresses),
        sum(len(rows) > 1 for rows in found),
        dict(tally.equal),
        dict(tally.heard),
        {oracle: dict(counts) for oracle, counts in tally.classes.items()},
        dict(tally.both),
        tally.examples,
    )


def find_traits(tested: Tested) -> frozenset[str]:
    """What is special about a file, so that others cannot read it."""
    traits = set()
    names = {path.suffix for path in tested.path.parent.iterdir()}
    if tested.kind == object_kinds.ELF and names & {".dwo", ".dwp"}:
        traits.add(SPLIT)
    if isinstance(tested.lookup, DwarfLookup) and tested.shared:
        traits.add(SHARED)
    if tested.kind in (object_kinds.PDB, object_kinds.PE):
        traits.add(WINDOWS)
    for row in read_object_files(map_file(str(tested.path))):
        if object_kinds.REWRITTEN in row.traits:
            traits.add(REWRITTEN)
    return frozenset(traits)


def count_starts(tested: Tested) -> Counter[int | None]:
    """Of a PDB how many procedures begin at each address: identical ones are folded."""
    counts: Counter[int | None] = Counter()
    if isinstance(tested.lookup, PdbLookup):
        for module in tested.lookup.walk_modules():
            for symbol in module.code:
                counts[tested.lookup.find_address(symbol.section, symbol.offset)] += 1
    return counts


def _names_at(tested: Tested, rows: list) -> set[str]:
    start = next((row.start for row in reversed(rows) if row.start is not None), None)
    list_names = getattr(tested.names, "list_names", None)
    return set(map(demangle, list_names(start))) if list_names and start is not None else set()


def report(outcome: Outcome) -> None:
    """One line of a file, and examples of what is not classed."""
    if outcome.fault:
        print(f"{outcome.path}: {outcome.fault}")
        return
    shares = " ".join(
        f"{oracle} {outcome.equal.get(oracle, 0)}/{outcome.heard.get(oracle, 0)}"
        for oracle in (SYMBOLIC, LLVM, "one")
    )
    name = "/".join(Path(outcome.path).parts[-3:])
    print(
        f"{name:<60.60} {outcome.architecture:<7} {outcome.asked:>5} {outcome.inlined:>5}  {shares}"
    )
    for oracle, counts in outcome.classes.items():
        if counts:
            print(
                f"    {oracle}: " + ", ".join(f"{n} {k or 'UNCLASSED'}" for k, n in counts.items())
            )
    if outcome.both:
        print(
            f"    {BOTH}: " + ", ".join(f"{n} {k or 'UNCLASSED'}" for k, n in outcome.both.items())
        )
    for kind, lines in outcome.examples.items():
        for line in lines:
            print(f"      [{kind}] {line}")
    sys.stdout.flush()


def main() -> int:
    """Compare all files; 1 when both others agree against us without a reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", metavar="FILE-OR-FOLDER")
    parser.add_argument("--addresses", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--edges", action="store_true", help="addresses where functions meet")
    parser.add_argument("--symbolizer", default="llvm-symbolizer", metavar="PROGRAM")
    options = parser.parse_args()
    wishes = Wishes(options.addresses, options.seed, options.edges, options.symbolizer)
    tasks = [(str(path), wishes) for path in find_files(options.paths)]
    outcomes = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for rows in pool.map(compare, tasks):
            for outcome in rows:
                outcomes.append(outcome)
                report(outcome)
    if options.json:
        options.json.write_text(json.dumps([outcome._asdict() for outcome in outcomes], indent=1))
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total += Counter({f"equal {k}": n for k, n in outcome.equal.items()})
        total += Counter({f"heard {k}": n for k, n in outcome.heard.items()})
        total += Counter({f"{BOTH} ({k or 'UNCLASSED'})": n for k, n in outcome.both.items()})
    print(f"{len(outcomes)} files", dict(total))
    return any(outcome.both.get("") for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
