"""One table of what every real debug file at hand is worth, each given alone.

`judged.tsv`: path, kind, identifiers, grades, defects. Reasons, where nothing can be used, are the
last column's.
"""

from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.services.symbol_upload.judged import assess_file

ROWS = [
    tuple(line.split("\t"))
    for line in Path(__file__).with_name("judged.tsv").read_text(encoding="utf-8").splitlines()
]
CHUNK = 90


@pytest.mark.parametrize("start", range(0, len(ROWS), CHUNK))
def test_every_file_is_judged_as_the_table_says(start):
    wrong = []
    tried = 0
    for place, *expected in ROWS[start : start + CHUNK]:
        path = SHARED / place
        if not path.is_file():
            continue
        tried += 1
        found = list(assess_file(path))
        if found != expected:
            wrong.append((place, found, expected))
    if not tried:
        pytest.skip("needs the files that the table speaks of")
    assert wrong == []


def test_the_table_has_no_debug_file_without_its_row():
    known = {place for place, *_ in ROWS}
    folder = SHARED / "truth" / "objects"
    if not folder.is_dir():
        pytest.skip("needs truth/objects")
    files = [path for path in folder.rglob("*") if path.suffix not in (".txt", ".plist", ".yml")]
    missing = {path.relative_to(SHARED).as_posix() for path in files if path.is_file()} - known
    assert missing == set()
