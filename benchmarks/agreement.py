"""Walks real minidumps with crashtool and with rust-minidump and shows each way they differ.

    python benchmarks/agreement.py CORPUS [--only NAME] [--verbose] [--peers DIR] [--json]
    python benchmarks/agreement.py --dump FILE --symbols PATH [--symbols PATH…] [--verbose]

CORPUS is a folder with `index.tsv`: a row a file, with `path`, `category`, and for a dump its
`symbols` and `expects` (files, separated by semicolons). Both programs read the same store. The
threads that crashed are summed up first, then all.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from differences import Compared, Difference, compare_walks
from peers import BREAKPAD, DEFAULT_FOLDER, DUMP_SYMS, RUST, absence, find_peer
from plan import CRASHTOOL
from symbol_stores import convert_files, fill_store, name_as_modules
from timing import ENVIRONMENT
from walks import (
    NoWalk,
    Walk,
    iterate_threads,
    read_our_json,
    read_report,
    read_rust_json,
    read_snapshot,
)

DUMPS = ("dump", "synthetic-dump", "hostile-dump")
MAX_RUN = 120  # seconds


class Case(NamedTuple):
    """A dump of the corpus, the symbol files that belong to it, and what others say of it."""

    name: str
    dump: Path
    symbols: tuple[Path, ...]
    expects: tuple[Path, ...]


class Result(NamedTuple):
    """How far a pair of walks agrees. `against`: the other program, or a file's name.

    `crashed`: the same of the thread that crashed alone.
    """

    case: str
    against: str
    found: Compared = Compared()
    failed: str = ""
    crashed: Compared = Compared()


def read_index(corpus: Path) -> Iterator[Case]:
    """Every dump of the corpus, with what symbols and expected stacks it has."""
    with (corpus / "index.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            symbols = _paths(corpus, row["symbols"]) + _paths(corpus, row["weak_symbols"])
            checks = (row["expects_check"] or "").split(";")
            expects = _paths(corpus, row["expects"])
            checked = tuple(
                path for path, check in zip(expects, checks, strict=False) if check == "ip"
            )
            if row["category"] in DUMPS:
                yield Case(row["path"], corpus / row["path"], symbols, checked)


def choose_cases(chosen: argparse.Namespace) -> Iterator[Case]:
    """What the command line asks for."""
    if chosen.dump:
        files = [
            file
            for path in chosen.symbols
            for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        ]
        symbols = tuple(file for file in files if file.is_file())
        yield Case(chosen.dump.name, chosen.dump, symbols, ())
        return
    for case in read_index(chosen.corpus):
        if not chosen.only or any(name in case.name for name in chosen.only):
            yield case


def _paths(corpus: Path, cell: str | None) -> tuple[Path, ...]:
    return tuple(corpus / name for name in (cell or "").split(";") if name)


class Programs:
    """The walkers, each called with one dump and one store."""

    def __init__(self, peers: Path, cache: Path) -> None:
        self.rust = find_peer(RUST, peers)
        self.breakpad = find_peer(BREAKPAD, peers)
        self.dump_syms = find_peer(DUMP_SYMS, peers)
        self._environment = ENVIRONMENT | {"CRASHTOOL_CACHE": str(cache)}

    def run(self, *command: str) -> str:
        """What a program prints; NoWalk with its last words when it prints nothing."""
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                capture_output=True,
                check=False,
                timeout=MAX_RUN,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired as error:
            raise NoWalk(f"still busy after {MAX_RUN} s") from error
        if not done.stdout.strip():
            last = " ".join(done.stderr.replace("\x1b", "").split())[-200:]
            raise NoWalk(f"status {done.returncode}: {last}")
        return done.stdout

    def ours(self, dump: Path, *symbols: Path) -> dict[str, Any]:
        """Our document, all threads."""
        options = [part for path in symbols for part in ("--symbols", str(path))]
        command = (CRASHTOOL, "inspect", "--json", "--offline", *options, str(dump))
        found: dict[str, Any] = json.loads(self.run(*command))
        if "threads" not in found:
            raise NoWalk("no dump that it can read")
        return found

    def rusts(self, dump: Path, store: Path) -> Walk:
        """What rust-minidump's walker says."""
        return read_rust_json(
            self.run(str(self.rust), "--json", "--symbols-path", str(store), str(dump))
        )

    def breakpads(self, dump: Path, store: Path) -> Walk | None:
        """What Breakpad's walker says; None when it is not here or cannot read the dump."""
        try:
            text = self.run(self.breakpad, str(dump), str(store)) if self.breakpad else ""
            return read_report(text)
        except NoWalk:
            return None


def compare_case(programs: Programs, case: Case, scratch: Path) -> Iterator[Result]:
    """Compare with rust-minidump's walk, then with each expected one."""
    store = scratch / "store"
    store.mkdir()
    fill_store(store, case.symbols)
    if programs.dump_syms:
        convert_files(programs.dump_syms, store, case.symbols)
    try:
        bare = programs.ours(case.dump)
        name_as_modules(
            store,
            [
                (module["debug_file"], module["debug_id"])
                for module in bare["modules"]
                if module["debug_id"]
            ],
        )
        ours = programs.ours(case.dump, store)
    except (NoWalk, ValueError) as error:
        yield Result(case.name, "crashtool", failed=str(error))
        return
    yield _compare_programs(programs, case, ours, store)
    for path in case.expects:
        yield _compare_expected(case, path, [ours, bare])


def _compare_programs(
    programs: Programs, case: Case, document: dict[str, Any], store: Path
) -> Result:
    try:
        theirs = programs.rusts(case.dump, store)
    except NoWalk as error:
        return Result(case.name, RUST.name, failed=str(error))
    third = programs.breakpads(case.dump, store)
    return _result(case, RUST.name, read_our_json(document), theirs, third)


def _compare_expected(case: Case, path: Path, documents: Sequence[dict[str, Any]]) -> Result:
    """With symbols and without: nobody noted which of them the others had. The nearer counts."""
    try:
        theirs = read_snapshot(path.read_text(encoding="utf-8", errors="replace"))
    except NoWalk:
        return Result(case.name, path.name, failed="no stacks in a known form")
    results = []
    for document in documents:
        walk = read_our_json(document, resumes=theirs.resumes, by_id=theirs.by_id)
        results.append(_result(case, path.name, walk, theirs._replace(names=False)))
    return max(results, key=lambda result: result.found.equal / max(result.found.total, 1))


def _result(
    case: Case, against: str, ours: Walk, theirs: Walk, third: Walk | None = None
) -> Result:
    found = crashed = Compared()
    for thread, mine, other in iterate_threads(ours, theirs):
        if not other:  # rust-minidump does not walk the thread that wrote the dump
            continue
        opinion = None
        if third and thread in third.threads:
            opinion = {step.address for step in third.threads[thread]}
        outcome = compare_walks(thread, mine, other, names=theirs.names, third=opinion)
        found = found.plus(outcome)
        if thread == ours.crashed:
            crashed = crashed.plus(outcome)
    return Result(case.name, against, found, crashed=crashed)


def print_results(results: Sequence[Result], *, verbose: bool) -> None:
    """A line a comparison, then each class of difference with examples."""
    print(f"{'equal':>7} {'of':>6} {'share':>7} {'solid':>7} {'trust':>7}  dump, against")
    for result in results:
        name = f"{result.case.rpartition('/')[2]}, {result.against}"
        if result.failed:
            print(f"{'-':>7} {'-':>6} {'-':>7} {'-':>7} {'-':>7}  {name}: {result.failed}")
            continue
        found = result.found
        shares = [
            share(found.equal, found.total),
            share(found.solid_equal, found.solid_total),
            share(found.same_trust, found.total),
        ]
        figures = " ".join(f"{one:>7}" for one in shares)
        print(f"{found.equal:>7} {found.total:>6} {figures}  {name}")
        if verbose:
            for difference in found.differences:
                print(f"{'':>10}thread {difference.thread}: {describe(difference)}")
    walked = [one for one in results if one.against == RUST.name]
    crashed = [one._replace(found=one.crashed) for one in walked]
    print_classes(f"{RUST.name}, threads that crashed", crashed, examples=0 if verbose else 4)
    print_classes(f"{RUST.name}, all threads", walked, examples=0 if verbose else 4)
    expected = [one for one in results if one.against != RUST.name]
    print_classes("expected stacks", expected, examples=0 if verbose else 4)


def print_classes(title: str, results: Sequence[Result], *, examples: int) -> None:
    """The sum of several comparisons, and the classes of their differences, largest first."""
    found = Compared()
    for result in results:
        found = found.plus(result.found)
    print(
        f"\nagainst {title}: {found.equal} of {found.total} frames equal,"
        f" {share(found.equal, found.total)};"
        f" before the first scanned one {found.solid_equal} of {found.solid_total},"
        f" {share(found.solid_equal, found.solid_total)};"
        f" with trust {share(found.same_trust, found.total)}"
    )
    classes: dict[str, list[tuple[str, Difference]]] = {}
    for result in results:
        for one in result.found.differences:
            classes.setdefault(one.kind, []).append((result.case.rpartition("/")[2], one))
    for kind, members in sorted(classes.items(), key=lambda item: -len(item[1])):
        asked = [one.third for _, one in members if one.third is not None]
        third = f"; Breakpad's walk has {sum(asked)} of {len(asked)}" if asked else ""
        solid = sum(one.solid for _, one in members)
        print(f"  {len(members):>5}  {kind}; {solid} solid{third}")
        for case, one in sorted(members, key=lambda item: not item[1].solid)[:examples]:
            print(f"         {case}, thread {one.thread}: {describe(one)}")


def describe(difference: Difference) -> str:
    """Both sides of a difference on one line."""
    sides = [f"ours {difference.ours or '-'}", f"theirs {difference.theirs or '-'}"]
    third = {True: ", Breakpad's has it", False: ", Breakpad's has not", None: ""}
    return f"{difference.kind}: {'; '.join(sides)}{third[difference.third]}"


def document(result: Result) -> dict[str, Any]:
    """A result for programs."""
    parts = {"found": _document(result.found), "crashed": _document(result.crashed)}
    return result._asdict() | parts


def _document(found: Compared) -> dict[str, Any]:
    differences = [
        one._asdict()
        | {"ours": one.ours and one.ours._asdict(), "theirs": one.theirs and one.theirs._asdict()}
        for one in found.differences
    ]
    return found._asdict() | {"differences": differences}


def share(part: int, whole: int) -> str:
    """A percentage for people."""
    return f"{100 * part / whole:.2f}%" if whole else "-"


def main(arguments: list[str]) -> int:
    """Compare and print; 3 when there is nothing to compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, metavar="CORPUS", nargs="?")
    parser.add_argument("--dump", type=Path, metavar="FILE", help="only this dump, of no corpus")
    parser.add_argument(
        "--symbols",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="the dump's symbol files, or folders of them",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only dumps with this in their path",
    )
    parser.add_argument("--verbose", action="store_true", help="show every difference")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--peers", type=Path, default=DEFAULT_FOLDER, metavar="DIR")
    chosen = parser.parse_args(arguments)
    if (chosen.corpus is None) == (chosen.dump is None):
        parser.error("name a corpus or a dump")
    cases = list(choose_cases(chosen))
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(chosen.peers, Path(folder, "cache"))
        if programs.rust is None:
            parser.error(absence(RUST))
        for place, case in enumerate(cases):
            scratch = Path(folder, str(place))
            scratch.mkdir()
            results += compare_case(programs, case, scratch)
    if chosen.json:
        print(json.dumps([document(one) for one in results], indent=2))
    else:
        print_results(results, verbose=chosen.verbose)
    return 0 if results else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
