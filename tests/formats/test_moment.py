"""Times out of damaged files, on every machine."""

import ast
import time
from pathlib import Path

import pytest

import crashtool
from crashtool.formats.moment import END, find_date, iso_text
from crashtool.render.words import format_time

YEAR_8307 = 0x2E90EDD000


@pytest.fixture(autouse=True)
def windows(monkeypatch):
    """gmtime as it is on Windows: it ends with the year 3000 and knows nothing before 1970."""
    real = time.gmtime

    def gmtime(seconds):
        if not 0 <= seconds <= 32536850399:
            raise OSError(22, "Invalid argument")
        return real(seconds)

    monkeypatch.setattr(time, "gmtime", gmtime)


@pytest.mark.parametrize("seconds", [YEAR_8307, END, -1, 2**63 - 1, -(2**63), 2**80])
def test_a_time_that_no_clock_said_is_damaged(seconds):
    assert find_date(seconds) is None
    assert iso_text(seconds) is None
    assert format_time(seconds).startswith("a damaged time (")


def test_other_times_are_dates():
    assert format_time(1_700_000_000) == "2023-11-14 22:13:20 UTC"
    assert format_time(END - 1) == "2999-12-31 23:59:59 UTC"
    assert iso_text(1_700_000_000.25) == "2023-11-14T22:13:20.250000+00:00"


def test_a_damaged_lock_ends_nothing(crashtool, corpus):
    folder = corpus.parent / "findings/inputs/windows/locked-db"
    if not folder.exists():
        pytest.skip("needs findings/ (set CRASHTOOL_SHARED to the folder that holds it)")
    result = crashtool("database", "list", folder)

    assert result.exit_code == 0
    assert "locked by a handler" in result.stdout
    assert "the time in it is damaged" in result.stdout


CLOCKS = {  # of this machine, or of a server
    "formats/moment.py",
    "services/transport/retry.py",
    "services/symbol_upload/job.py",
    "services/sending/journal.py",
}


def test_no_other_place_makes_dates_of_numbers():
    root = Path(crashtool.__file__).parent
    names = {"fromtimestamp", "utcfromtimestamp", "gmtime", "localtime", "ctime"}
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in names
    }

    assert found - CLOCKS == set()
