"""Every real, synthetic and hostile dump there is: a page, a status that tells, nothing else."""

import csv
import json
import os
import random

from crashtool.formats.minidump.file import Minidump
from crashtool.render.as_json import crash_document
from crashtool.render.report import render_report
from crashtool.services.analyze.assemble_report import analyze

FLIPS = 40


def dumps_of(corpus):
    index = (corpus / "index.tsv").read_text(encoding="utf-8")
    for row in csv.DictReader(index.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if "dump" in row["category"]:
            yield row["category"], corpus / row["path"]


def test_every_dump_of_the_corpus_opens(crashtool, corpus):
    statuses = {}
    for category, path in dumps_of(corpus):
        result = crashtool(
            "inspect", "--threads", "--registers", "--modules", "--streams", "--handles", path
        )
        assert result.exit_code in (0, 3), (path, result.exception)
        assert result.stdout or result.stderr, path
        statuses.setdefault(category, []).append((result.exit_code, path.name))
    assert all(code == 0 for code, _ in statuses["dump"]), statuses["dump"]
    assert all(code == 3 for code, _ in statuses["microdump"])


def test_every_dump_of_the_truth_sets_is_whole(crashtool, truth):
    result = crashtool("inspect", "--brief", truth)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0, result.stderr
    assert len(lines) > 140
    assert not [line for line in lines if "no exception" in line]


def test_no_flipped_byte_of_a_real_dump_breaks_the_report(truth):
    generator = random.Random(20260101)  # noqa: S311 (a seed makes it repeatable)
    cases = sorted((truth / "linux" / "cases").glob("*.dmp"))[::23]
    cases += sorted((truth / "windows" / "dumps").glob("*crashpad.dmp"))[::9]
    named = []
    for path in cases:
        data = bytearray(path.read_bytes())
        whole = analyze(Minidump(bytes(data)), os.fspath(path))
        for _ in range(FLIPS):
            place = generator.randrange(4, min(len(data), 6000))
            kept, data[place] = data[place], generator.choice([0, 0xFF, 0x80, data[place] ^ 1])
            report = analyze(Minidump(bytes(data)), os.fspath(path))
            page = render_report(report, threads=True, registers=True, modules=True, streams=True)
            assert any(path.name in span.text for line in page.lines for span in line)
            assert json.loads(json.dumps(crash_document(report)))
            named.append(report.crash == whole.crash)
            data[place] = kept
    assert sum(named) > len(named) / 2, "what the damage did not hit is told as before"
