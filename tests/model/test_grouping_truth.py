"""Signatures of labelled crashes: frozen, independent of the system's symbols, one a bug."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from crashtool.model.signature import VERSION, sign
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan

GOLDEN = Path(__file__).with_name(f"signatures-{VERSION}.tsv")
PROGRAMS = ("linux/bin", "groups/bin", "windows/bin")
SYSTEM = "linux/syslibs"


@pytest.fixture(scope="module")
def labels(truth):
    with (truth / "labels.tsv").open(encoding="utf-8") as file:
        return {row["dump"]: row["label"] for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture(scope="module")
def signatures(truth, labels, tmp_path_factory):
    """The signature of each dump: with the system's symbols, and with the programs' own alone."""
    cache = str(tmp_path_factory.mktemp("cache"))
    found = []
    for folders in ((*PROGRAMS, SYSTEM), PROGRAMS):
        plan = SymbolPlan(paths=tuple(str(truth / folder) for folder in folders))
        with open_session(plan, cache) as symbols:
            reports = (
                (dump, read_report(str(truth / dump), dump, InspectOptions(symbols=symbols)))
                for dump in labels
            )
            found.append({dump: sign(report).text for dump, report in reports})
    return found


def bcubed(labels, signatures):
    """The harmonic mean of precision and recall, each a mean over the dumps (Bagga, Baldwin)."""
    groups, bugs = defaultdict(set), defaultdict(set)
    for dump, label in labels.items():
        groups[signatures[dump]].add(dump)
        bugs[label].add(dump)
    precision = recall = 0.0
    for dump, label in labels.items():
        group, bug = groups[signatures[dump]], bugs[label]
        precision += len(group & bug) / len(group) / len(labels)
        recall += len(group & bug) / len(bug) / len(labels)
    return 2 * precision * recall / (precision + recall)


def test_groups_are_the_bugs(labels, signatures):
    full, own = signatures

    assert bcubed(labels, full) >= 0.95
    assert bcubed(labels, own) >= 0.94


def test_the_systems_symbols_make_no_difference(signatures):
    full, own = signatures

    assert sum(full[dump] == own[dump] for dump in full) >= 0.97 * len(full)


def test_strings_of_a_version_never_change(signatures):
    """A better rule is a new version, with a new file: baselines that people keep hold strings."""
    expected = dict(line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines())

    assert signatures[0] == expected
