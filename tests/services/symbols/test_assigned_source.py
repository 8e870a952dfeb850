import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.identifiers import BuildId
from crashtool.model.module import Module
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols.assigned_source import (
    GIVEN,
    AssignedSource,
    Assignment,
    split_assignments,
)
from tests.synth.object_files import build_elf

NAMELESS = Module(0x400000, 0x1000, "game", "/opt/game/game")
OURS, OTHERS = b"\x11" * 20, b"\x22" * 20


@pytest.fixture
def look(tmp_path):
    def walk(module, content, name="game"):
        path = tmp_path / "program"
        path.write_bytes(content)
        with Scratch() as scratch:
            source = AssignedSource([Assignment(name, str(path))], scratch)
            return [(row.status, row.note) for row in source.walk_candidates(module)]

    return walk


def test_a_file_is_a_modules_by_its_name_where_neither_has_an_identifier(look):
    assert look(NAMELESS, build_elf(build_id=b"")) == [("found", GIVEN)]
    assert look(NAMELESS, build_elf(build_id=OURS)) == [("found", GIVEN)]
    assert look(NAMELESS, build_elf(build_id=b""), name="other") == []


def test_a_file_of_another_identifier_is_not_believed(look):
    module = NAMELESS._replace(debug_id=BuildId(OURS).debug_id, code_id=OURS.hex())

    assert look(module, build_elf(build_id=OURS)) == [("found", "")]
    assert [status for status, _ in look(module, build_elf(build_id=OTHERS))] == ["mismatch"]


def test_a_file_that_is_none_says_what_it_is(look):
    assert look(NAMELESS, b"#!/bin/sh\n")[0][0] in ("malformed", "unsupported")


def test_what_exists_as_a_whole_is_a_path(tmp_path):
    (tmp_path / "a=b").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    whole, pair = str(tmp_path / "a=b"), f"game={tmp_path / 'b'}"

    plain, assigned = split_assignments([whole, pair, "absent"])

    assert plain == [whole, "absent"]
    assert assigned == [Assignment("game", str(tmp_path / "b"))]


def test_an_assigned_file_must_exist():
    with pytest.raises(InputUnusable, match="absent is not a file"):
        split_assignments(["game=absent"])
