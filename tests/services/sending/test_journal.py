import json

import pytest

from crashtool.formats.attributes import Attachment, Attribute
from crashtool.services.files.unwrap_dumps import DumpFile
from crashtool.services.sending.journal import WHOLE, Journal, identify, identify_dump
from crashtool.services.sending.request import SendPlan, make_request

URL = "http://127.0.0.1:1/u/t/minidump"


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "state" / "sent.jsonl")


def make(path, **plan):
    chosen = SendPlan(plan.pop("url", URL), **plan)
    request = make_request(DumpFile(str(path), path, path.stat().st_size), chosen)
    return identify(path, request, chosen)


def test_what_was_accepted_is_found_by_the_next_run(journal, dump_path):
    assert journal.find(make(dump_path)) is None

    assert journal.add(make(dump_path), "rx-1")

    assert journal.find(make(dump_path)).rxid == "rx-1"
    assert Journal(journal.path).find(make(dump_path)).rxid == "rx-1"


def test_another_request_with_the_same_dump_is_another_matter(journal, dump_path, tmp_path):
    (tmp_path / "log").write_text("1")
    journal.add(make(dump_path), "rx-1")

    for plan in (
        {"url": URL + "2"},
        {"annotations": (Attribute("a", "b"),)},
        {"attachments": (Attachment(None, str(tmp_path / "log")),)},
        {"raw": True},
        {"sync": True},
    ):
        assert journal.find(make(dump_path, **plan)) is None, plan
    assert journal.find(make(dump_path, gzip=False)), "compression does not change what arrives"


def test_a_submission_has_one_name_and_another_has_another(dump_path, tmp_path):
    other = tmp_path / "other.dmp"
    other.write_bytes(dump_path.read_bytes() + b"x")
    names = {
        make(dump_path).name,
        make(dump_path, gzip=False).name,
        make(other).name,
        make(dump_path, sync=True).name,
    }
    assert len(names) == 3
    assert make(dump_path).name in names


def test_a_changed_attachment_makes_another_request(journal, dump_path, tmp_path):
    log = tmp_path / "log"
    log.write_text("1")
    plan = {"attachments": (Attachment(None, str(log)),)}
    journal.add(make(dump_path, **plan), "rx-1")
    assert journal.find(make(dump_path, **plan))

    log.write_text("12")

    assert journal.find(make(dump_path, **plan)) is None


def test_another_dump_of_the_same_size_is_not_the_same(journal, dump_path):
    journal.add(make(dump_path), "rx-1")
    data = bytearray(dump_path.read_bytes())
    data[-1] ^= 1
    dump_path.write_bytes(data)

    assert journal.find(make(dump_path)) is None


def test_large_dumps_are_told_apart_by_their_front_and_size(tmp_path):
    path, other = tmp_path / "1", tmp_path / "2"
    for place, first in ((path, b"1"), (other, b"2")):
        with place.open("wb") as stream:
            stream.write(first)
            stream.truncate(WHOLE * 4)

    assert identify_dump(path) == identify_dump(path)
    assert identify_dump(path) != identify_dump(other)
    with other.open("r+b") as stream:
        stream.write(b"1")
        stream.truncate(WHOLE * 4 + 1)
    assert identify_dump(path) != identify_dump(other)


def test_lines_that_cannot_be_read_are_passed_over(journal, dump_path):
    journal.add(make(dump_path), None)
    lines = journal.path.read_text(encoding="utf-8")
    bad = ["", "{", "[]", "{}", '{"identity": 1}', "\N{SNOWMAN}"]
    journal.path.write_text("\n".join([*bad, lines]), encoding="utf-8")

    assert Journal(journal.path).find(make(dump_path)).rxid is None


def test_a_journal_holds_no_path_and_no_token(journal, dump_path):
    token = "0123456789abcdef" * 4
    journal.add(make(dump_path, url=f"http://127.0.0.1:1/u/{token}/minidump"), "rx-1")

    text = journal.path.read_text(encoding="utf-8")

    assert token not in text
    assert "crash.dmp" not in text
    assert sorted(json.loads(text)) == ["identity", "key", "rxid", "sent", "size"]


def test_a_journal_that_cannot_be_written_still_remembers_this_run(tmp_path, dump_path):
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "sent.jsonl")

    assert not journal.add(make(dump_path), "rx-1")
    assert journal.find(make(dump_path)).rxid == "rx-1"
