"""annotate --into on the command line: what is written, said, refused, and what arrives."""

import json
import shutil

import pytest

from crashtool.formats.minidump.file import Minidump
from tests.commands.transcript_inputs import make_inputs
from tests.synth.minidump import MinidumpBuilder, full_dump


@pytest.fixture
def inputs(tmp_path):
    make_inputs(tmp_path)
    (tmp_path / "plain.dmp").write_bytes(MinidumpBuilder().add_system().add_misc().pack())
    return tmp_path


def into(crashtool, *arguments, dump="game.dmp", output="out.dmp"):
    return crashtool("annotate", *arguments, "--into", dump, "--output", output)


def test_what_was_written_is_said(crashtool, inputs):
    result = into(crashtool, "ver=2", "mood=good")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "out.dmp: annotations: 1 added, 1 replaced, 1 kept; 72 bytes longer\n"
        "  ver: 2 (was: 1.4.2)\n"
    )


def test_a_stream_that_was_made_is_said(crashtool, inputs):
    result = into(crashtool, "ver=2", dump="plain.dmp")
    assert "1 added, in a CrashpadInfo stream made for them; " in result.stdout


def test_json_is_one_document_with_all_of_them(crashtool, inputs):
    document = json.loads(into(crashtool, "ver=2", "prod=Game", "--json").stdout)

    assert document["written"] == [
        {"key": "prod", "value": "Game", "state": "unchanged", "old": None},
        {"key": "ver", "value": "2", "state": "replaced", "old": "1.4.2"},
    ]
    assert document["annotations"] == {"prod": "Game", "ver": "2"}
    assert (document["input"], document["output"]) == ("game.dmp", "out.dmp")
    assert document["stream"] == "changed"
    assert document["size"] == (inputs / "out.dmp").stat().st_size
    assert document["size"] - document["bytes_longer"] == (inputs / "game.dmp").stat().st_size
    assert document["valid"]


def test_inspect_reads_them_and_sees_no_damage(crashtool, inputs):
    for dump in ("game.dmp", "snapshot.dmp"):
        into(crashtool, "prod=Gäme 2", dump=dump)
        before = json.loads(crashtool("inspect", "--json", dump).stdout)
        after = json.loads(crashtool("inspect", "--json", "out.dmp").stdout)

        found = [row for row in after["annotations"] if row["name"] == "prod"]
        assert [(row["kind"], row["value"]) for row in found] == [("process", "Gäme 2")]
        same = before.keys() - {"annotations", "path", "size"}
        assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_all_sources_feed_it_and_attachments_of_a_file_do_not(crashtool, inputs):
    (inputs / "crashtool.toml").write_text(
        'attachments = ["/logs/x.log"]\n[annotations]\na = "setting"\nb = "setting"\n',
        encoding="utf-8",
    )
    (inputs / "more.json").write_text(
        '{"attachments": ["y.log"], "annotations": {"b": "file", "c": "file"}}', encoding="utf-8"
    )

    result = into(crashtool, "c=typed", "--from", "more.json", dump="plain.dmp")

    assert (result.exit_code, result.stderr) == (0, "")
    with Minidump.open(inputs / "out.dmp") as dump:
        assert dump.crashpad.annotations == (("a", "setting"), ("b", "file"), ("c", "typed"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--into", "game.dmp"], "--into needs --output OUT.dmp"),
        (["--output", "out.dmp"], "--output needs --into IN.dmp"),
        (["--attach", "x.log"], "a minidump holds no attachments"),
        (["--check"], "--check does not go with --into"),
        (["--as", "shell"], "--as does not go with --into"),
    ],
)
def test_what_does_not_go_together_is_refused(crashtool, inputs, arguments, message):
    both = [] if {"--into", "--output"} & {*arguments} else ["--into", "game.dmp", "--output", "o"]
    result = crashtool("annotate", "a=b", *arguments, *both)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize(
    ("dump", "message"),
    [
        ("notes.txt", "notes.txt is text, not a minidump"),
        ("cut.dmp", "cut.dmp: the minidump is cut short or damaged"),
        ("none.dmp", "none.dmp cannot be read"),
        ("build", "build is a folder"),
        ("game.dmp.gz", "game.dmp.gz is gzip data, not a minidump"),
        ("empty.dmp", "empty.dmp is empty, not a minidump"),
    ],
)
def test_what_is_no_whole_minidump_is_refused_by_name(crashtool, inputs, dump, message):
    (inputs / "game.dmp.gz").write_bytes(b"\x1f\x8b\x08 and so on")
    (inputs / "empty.dmp").touch()

    result = into(crashtool, "a=b", dump=dump)

    assert (result.exit_code, result.stdout) == (3, "")
    assert message in result.stderr
    assert not (inputs / "out.dmp").exists()


def test_a_bad_annotation_writes_nothing(crashtool, inputs):
    result = into(crashtool, "=x", "guid=1")

    assert (result.exit_code, result.stdout) == (4, "")
    assert "empty-key: =x: The key is empty. No attribute can be named so." in result.stderr
    assert "reserved-key" in result.stderr
    assert not (inputs / "out.dmp").exists()
    assert not json.loads(into(crashtool, "=x", "--json").stdout)["valid"]


def test_limits_of_command_lines_are_none_of_a_dump(crashtool, inputs):
    result = into(crashtool, "a=" + "x" * 200_000, "b=two\nlines")

    assert result.exit_code == 0
    assert "command-line-length" not in result.stderr
    assert "line-feed" not in result.stderr
    assert "dictionary-limits" in result.stderr


def test_hostile_values_stay_on_their_line(crashtool, inputs):
    into(crashtool, "ver=\x1b[31m\n::error::x", output="a.dmp")
    result = into(crashtool, "ver=2", dump="a.dmp")
    assert result.stdout.splitlines()[1] == r"  ver: 2 (was: \x1b[31m\n::error::x)"


def test_a_dump_that_crashpad_does_not_read_gets_a_warning(crashtool, inputs):
    data = bytearray((inputs / "game.dmp").read_bytes())
    data[6] = 1  # the high word of the version, as dbghelp writes it
    (inputs / "game.dmp").write_bytes(data)

    result = into(crashtool, "a=b")

    assert result.exit_code == 0
    assert "crashpad_handler would send out.dmp without them, because its header" in result.stderr
    assert "crashtool send-dump sends it with all of them" in result.stderr


def test_they_arrive_as_fields(crashtool, tmp_path):
    pytest.importorskip("starlette")
    from crashtool.services.receiver.app import start_receiver

    builder = full_dump()
    builder.crashpad = None
    (tmp_path / "plain.dmp").write_bytes(builder.pack())
    make_inputs(tmp_path)
    new = ["prod=Gäme 2", "note=", "big=" + "x" * 70_000]
    with start_receiver(tmp_path / "inbox") as receiver:
        for dump in ("plain.dmp", "game.dmp"):
            assert into(crashtool, *new, dump=dump).exit_code == 0
            url = receiver.submission_url()
            result = crashtool("send-dump", "--again", "--url", url, "out.dmp")
            assert (result.exit_code, dump) == (0, dump), result.stderr
        fields = [dict(report.fields) for report in receiver.inbox.reports()]
    assert len(fields) == 2
    for found in fields:
        assert {key: found[key] for key in ("prod", "note", "big")} == {
            "prod": "Gäme 2",
            "note": "",
            "big": "x" * 70_000,
        }


def test_another_reader_finds_every_stream_where_it_was(crashtool, inputs):
    minidumpfile = pytest.importorskip("minidump.minidumpfile")
    shutil.copy(inputs / "everything.dmp", inputs / "in.dmp")
    into(crashtool, "a=b", dump="in.dmp")

    with (inputs / "in.dmp").open("rb") as one, (inputs / "out.dmp").open("rb") as other:
        before = minidumpfile.MinidumpFile.parse_buff(minidump_buffer(one))
        after = minidumpfile.MinidumpFile.parse_buff(minidump_buffer(other))
        assert str(after.modules) == str(before.modules)
        assert str(after.threads) == str(before.threads)
        assert str(after.sysinfo) == str(before.sysinfo)
        assert after.header.NumberOfStreams == before.header.NumberOfStreams


def minidump_buffer(file):
    return file
