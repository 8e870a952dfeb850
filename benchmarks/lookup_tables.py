"""Writes the tables of docs/lookups.md from what `lookups.py --json` has left.

    python benchmarks/lookup_tables.py JSON... [--page FILE]

What is in the page between `<!-- NAME -->` and `<!-- end of NAME -->` is replaced, for the names
`figures` and `files`. A file that several JSON files tell of counts once, as the last one has it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "lookups.md"
FULL = 5000  # addresses of a file that is in the table
PLAIN = ("program", "factory", "shapes", "kernel")  # files that their folder names
ORACLES = ("symbolic", "llvm")
UNREAD = "\N{EN DASH}"


def read_outcomes(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The outcomes of all files that could be read, by their names."""
    outcomes = {
        (outcome["path"], outcome["architecture"]): outcome
        for path in paths
        for outcome in json.loads(path.read_text("utf-8"))
        if not outcome["fault"]
    }
    return sorted(outcomes.values(), key=lambda outcome: (name_file(outcome), outcome["path"]))


def name_file(outcome: dict[str, Any]) -> str:
    """What a file is called in the table."""
    path = Path(outcome["path"])
    stem = path.name.removesuffix(".pdb").removesuffix(".debug")
    if path.parent.name == "DWARF":  # of a dSYM, by the folder around it
        stem, path = path.name, path.parents[3] / path.name
    is_plain = stem.partition(".")[0] in PLAIN
    return path.parent.name if is_plain else f"{path.parent.name}/{stem}"


def write_figures(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    """The sums over all files."""
    equal: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    both: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for outcome in outcomes:
        equal.update(outcome["equal"])
        heard.update(outcome["heard"])
        both.update(outcome["both"])
        unknown.update({oracle: outcome["classes"][oracle].get("", 0) for oracle in ORACLES})
    full = sum(outcome["asked"] >= FULL for outcome in outcomes)
    asked = sum(outcome["asked"] for outcome in outcomes)
    yield "| | |"
    yield "|---|---|"
    yield f"| files with {FULL:,} addresses, smaller ones | {full:,}, {len(outcomes) - full:,} |"
    yield f"| addresses | {asked:,} |"
    for key, words in (
        ("symbolic", "the same as symbolic"),
        ("llvm", "the same as llvm-symbolizer"),
        ("one", "the same as one of them"),
    ):
        yield f"| {words} | {equal[key]:,} of {heard[key]:,} |"
    explained = ", ".join(f"{count:,} {name}" for name, count in both.most_common() if name)
    yield (
        f"| different from both, and these two agree: {explained} | {sum(both.values()):,}, each "
        "of a class in which they are wrong, or of aliases |"
    )
    yield f"| the same, without a class | {both['']:,} |"
    yield (
        "| of no class from symbolic, from llvm-symbolizer | "
        f"{unknown['symbolic']:,}, {unknown['llvm']:,} |"
    )


def write_files(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    """A row for each large file."""
    yield "| file | machine | merged | as symbolic | as llvm-symbolizer | not the same |"
    yield "|---|---|---|---|---|---|"
    for outcome in outcomes:
        if outcome["asked"] < FULL:
            continue
        shares = [
            f"{outcome['equal'].get(oracle, 0):,}" if outcome["heard"].get(oracle) else UNREAD
            for oracle in ORACLES
        ]
        most: Counter[str] = Counter()
        for oracle in ORACLES:
            most |= Counter(outcome["classes"][oracle])
        rest = ", ".join(f"{count:,} {name or 'no class'}" for name, count in most.most_common())
        words = (name_file(outcome), outcome["architecture"], f"{outcome['inlined']:,}", *shares)
        yield f"| {' | '.join(words)} | {rest} |"


def replace_part(text: str, name: str, lines: Iterable[str]) -> str:
    """The page with other lines between a pair of marks. ValueError when it lacks them."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no {start.strip()} in the page")
    body = "\n".join(lines)
    return pattern.sub(lambda _: f"{start}\n{body}\n\n{end}", text)


def main() -> None:
    """Write the page anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="JSON")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    outcomes = read_outcomes(options.paths)
    text = options.page.read_text("utf-8")
    text = replace_part(text, "figures", write_figures(outcomes))
    text = replace_part(text, "files", write_files(outcomes))
    options.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
