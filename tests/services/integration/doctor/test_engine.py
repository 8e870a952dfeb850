"""The engine: how checks meet their subjects, and what becomes of what they say."""

import os

import pytest

from crashtool.errors import InputUnusable, NothingFound
from crashtool.model.doctor import FAILURE, HOST, PASS, PROGRAM, SETTINGS, SKIP, Subject
from crashtool.services.files.scratch import Scratch
from crashtool.services.integration.doctor.checks import CHECKS
from crashtool.services.integration.doctor.diagnose import diagnose, run_check
from crashtool.services.integration.doctor.examination import Check, Examination, Options
from crashtool.services.integration.doctor.findings import failure
from crashtool.services.integration.doctor.search import BuildSearch

APP = Subject(PROGRAM, "app")


def run(function, *subjects):
    check = Check("game.over", (PROGRAM,), function, "whether the game is over")
    return list(run_check(check, Examination(Options(), subjects)))


def test_a_check_that_says_nothing_has_passed():
    (finding,) = run(lambda *_: (), APP)
    assert (finding.verdict, finding.file, finding.check) == (PASS, "app", "game.over")


def test_a_finding_bears_the_name_of_its_check():
    (finding,) = run(lambda subject, _: [failure(subject.path, "gone", "Lost.", "look")], APP)
    assert (finding.verdict, finding.check, finding.fix) == (FAILURE, "game.over", "look")


def test_a_check_without_a_subject_is_skipped_and_says_why():
    (finding,) = run(lambda *_: (), Subject(HOST))
    assert (finding.verdict, finding.cause) == (SKIP, "no program to look at")


@pytest.mark.parametrize("error", [InputUnusable("it is damaged"), OSError(5, "I/O error", "app")])
def test_what_a_check_cannot_read_is_a_skip(error):
    def look(*_):
        raise error

    (finding,) = run(look, APP)
    assert finding.verdict == SKIP
    assert "damaged" in finding.cause or "cannot read app" in finding.cause


def test_facts_are_read_once_and_their_errors_too():
    asked = []

    def read(path):
        asked.append(path)
        raise InputUnusable("no")

    examination = Examination(Options(), ())
    for _ in range(2):
        with pytest.raises(InputUnusable):
            examination.recall(read, "app")
    assert asked == ["app"]


def test_names_are_those_of_one_table():
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert all(check.kinds and check.looks_at for check in CHECKS)


def test_the_settings_and_the_machine_are_always_looked_at(tmp_path):
    subjects = BuildSearch(Options(), Scratch()).find_subjects([str(tmp_path)])
    assert [subject.kind for subject in subjects] == [SETTINGS, HOST]


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(NothingFound, match="does not exist"):
        diagnose([str(tmp_path / "absent")], Options())


def test_a_file_of_no_kind_that_is_named_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputUnusable, match="not something that doctor knows"):
        diagnose([str(tmp_path / "notes.txt")], Options())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_circles_hold_nothing_up(tmp_path):
    os.mkfifo(tmp_path / "crashtool.toml")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "circle").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    subjects = BuildSearch(Options(), Scratch()).find_subjects([str(tmp_path)])
    assert [subject.kind for subject in subjects] == [SETTINGS, HOST]
