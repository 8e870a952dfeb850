"""Who called what ended the program: the user's own line, in each place that names a crash.

The program's own symbols are all that is at hand, as on most machines: the library's frames have no
names, and the frame of the program is found by scanning.
"""

from contextlib import closing

import pytest

from crashtool.commands.dump_pages import DumpPages
from tests.conftest import shared

GAME = {
    how: f"abort() called by main, main.cpp:{line} (a guess)"
    for how, line in {"throw": 16, "abort": 17, "at": 18}.items()
}
RAISED = "RaiseException() called by app::on_event, crasher.cpp:170"
RAISED_GROUP = "app::on_event | plug::fire [abort]"


def show(crashtool, dump, symbols, *options):
    done = crashtool(
        "inspect", "--offline", "--no-local-symbols", "--symbols", symbols, *options, dump
    )
    assert done.exit_code == 0, done.stderr
    return done.stdout


def list_raised():
    folder = shared("truth/windows")
    found = sorted((folder / "dumps").glob("*.raise.*.dmp"))
    assert len(found) > 5
    return folder / "bin", found


@pytest.mark.parametrize("how", GAME)
def test_where_and_brief_name_the_users_own_line(crashtool, how):
    game = shared("findings/inputs/game")
    dump = game / f"{how}.dmp"

    assert f"WHERE      {GAME[how]}   thread" in show(crashtool, dump, game)
    brief = show(crashtool, dump, game, "--brief")
    assert f" in {GAME[how]}, game 2.3.1; main [abort]" in brief
    assert '"signature": "main [abort]"' in show(crashtool, dump, game, "--json")


@pytest.mark.parametrize("how", GAME)
def test_the_instruction_behind_a_signal_that_was_sent_is_not_shown(crashtool, how):
    game = shared("findings/inputs/game")
    here = ("/usr/lib", "/lib")  # where libc may have the code, as on the machine of the crash

    page = show(crashtool, game / f"{how}.dmp", game, *(f"--symbols={path}" for path in here))

    assert "\nCRASH      SIGABRT" in page
    assert "\nCODE " not in page


def test_raised_exceptions_of_windows_name_it_too(crashtool):
    symbols, dumps = list_raised()
    for dump in dumps:
        assert RAISED in show(crashtool, dump, symbols, "--brief"), dump
        assert f'"signature": "{RAISED_GROUP}"' in show(crashtool, dump, symbols, "--json")


def test_the_inbox_groups_by_the_same_signature(tmp_path):
    game = shared("findings/inputs/game")
    symbols, dumps = list_raised()
    with closing(DumpPages()) as pages:
        by_name = {how: pages(game / f"{how}.dmp", game) for how in GAME}
    with closing(DumpPages()) as pages:
        raised = [pages(dump, symbols) for dump in dumps]

    assert {page.signature for page in by_name.values()} == {"main [abort]"}
    assert all(page.headline.endswith(GAME[how]) for how, page in by_name.items())
    assert {page.signature for page in raised} == {RAISED_GROUP}
