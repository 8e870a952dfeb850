"""The JSON document, held to its schema; the schema, held to its reference."""

import json

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats.minidump.file import Minidump
from crashtool.model.crash import CrashReport, Process, System
from crashtool.render.as_json import crash_document
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.stacks import walk_stacks
from tests.render.reports import ENGINE, SIGNATURE, full_report, hostile_report, report
from tests.schemas import Schema
from tools.generate import ROOT
from tools.json_reference import render_json_reference

VALIDATOR = Schema("crash.schema.json")
SCHEMA = VALIDATOR.document
LARGEST = 1 << 20  # bytes of a real dump that are worth a test's time


def check(crash_report):
    """The document as it comes out of its text, which the schema has accepted."""
    document = json.loads(json.dumps({"schema_version": 1} | crash_document(crash_report)))
    VALIDATOR.validate(document)
    return document


def empty_report():
    return CrashReport("", 0, "", None, None, Process(), None, (), None, (), ())


def test_the_schema_is_one():
    VALIDATOR.assert_is_one()


@pytest.mark.parametrize("build", [report, full_report, hostile_report, empty_report])
def test_documents_follow_the_schema(build):
    assert check(build())["schema_version"] == 1


def test_the_schema_says_when_a_key_is_missing_or_unknown():
    document = check(full_report())
    for name in ("threads", "signature", "secrets"):
        cut = {key: value for key, value in document.items() if key != name}
        assert not VALIDATOR.is_valid(cut)
    assert not VALIDATOR.is_valid(document | {"surprise": 1})
    frame = document["threads"][0]["frames"][0]
    frame["offset"] = 5
    assert not VALIDATOR.is_valid(document)


def walk_objects(schema):
    yield schema
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from walk_objects(part)


# of a value, of which a report may hold many: only what there is to say is there
OF_VALUES = {"name", "state", "value", "reason", "members", "left_out", "points_to"}


def test_every_object_of_the_schema_is_closed_and_every_key_required():
    objects = [part for part in walk_objects(SCHEMA) if "properties" in part and "type" in part]
    assert len(objects) > 20
    for part in objects:
        optional = set(part["properties"]) - set(part["required"])
        assert optional <= {"registers", "variables"} | OF_VALUES
        assert part["additionalProperties"] is False


def test_every_key_has_a_meaning_in_the_reference():
    keys = {key for part in walk_objects(SCHEMA) for key in part.get("required", ())}
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert [key for key in sorted(keys) if f"| `{key}` |" not in text] == []
    assert text == render_json_reference(), "stale: run `make generate`"


def test_a_full_report_leaves_no_list_empty_and_no_value_null():
    """So that the schema's test of it tests every part."""
    document = check(full_report())
    assert [key for key, value in document.items() if not value] == ["main_module"]  # it is 0
    assert [key for key, value in document["crash_info"].items() if value is None] == []


def dumps_in(folder):
    return [path for path in sorted(folder.rglob("*.dmp")) if path.stat().st_size <= LARGEST]


def real_reports(folder):
    for path in dumps_in(folder):
        try:
            dump = Minidump.open(path)
        except (CrashtoolError, OSError):
            continue
        with dump:
            yield walk_stacks(dump, analyze(dump, str(path)))


@pytest.mark.parametrize("part", ["linux", "windows"])
def test_documents_of_dumps_with_a_known_truth_follow_the_schema(truth, part):
    assert sum(bool(check(found)) for found in real_reports(truth / part)) > 30


def test_documents_of_strangers_dumps_follow_the_schema(corpus):
    assert sum(bool(check(found)) for found in real_reports(corpus)) > 50


def test_names_and_values_follow_rust_minidump():
    document = check(report())
    assert document["status"] == "OK"
    assert document["crash_info"]["address"] == "0x0000000000000045"
    assert document["crashing_thread"]["threads_index"] == 0
    frame = document["crashing_thread"]["frames"][0]
    assert frame["module_offset"] == "0x000000000001f2a0"
    assert frame["registers"]["rsp"] == "0x0000000000007000"
    assert frame["inlines"][0] == {"function": "Mesh::bind", "file": "/src/mesh.h", "line": 88}
    assert (frame["function"], frame["line"]) == ("Renderer::flush", 214)
    assert document["threads"][0]["last_error_value"] == "ERROR_ACCESS_DENIED"
    assert document["unloaded_modules"][0]["code_id"] == "ab12"
    assert document["system_info"]["cpu_arch"] == "amd64"
    assert document["signature"] == SIGNATURE


def test_the_crashing_thread_repeats_its_thread():
    document = check(full_report())
    crashed = document["crashing_thread"]
    thread = document["threads"][crashed["threads_index"]]
    assert crashed["total_frames"] == crashed["frame_count"] == len(crashed["frames"]) == 5
    without = [{k: v for k, v in row.items() if k != "registers"} for row in crashed["frames"]]
    assert without == thread["frames"]
    assert all("registers" not in row for row in crashed["frames"][1:])


def test_a_frames_offset_is_what_was_looked_up_and_its_source_is_there():
    first, second, third, fourth, _ = check(full_report())["threads"][0]["frames"]
    assert second["offset"] == "0x000000000041f300"
    assert second["resume_address"] == "0x000000000041f301"
    assert first["source"][2] == {"number": 88, "text": "\tline 88;"}
    assert (third["missing_symbols"], third["inlines"]) == (True, None)
    assert fourth["unloaded_modules"] == [{"module": "gone.dll", "offsets": ["0x0000000000000010"]}]


def test_modules_tell_of_their_symbols():
    game, engine = check(full_report())["modules"]
    assert (game["loaded_symbols"], game["missing_symbols"]) == (True, False)
    assert game["symbol_url"] == "https://symbols.example.com/game.pdb"
    assert (engine["loaded_symbols"], engine["missing_symbols"]) == (False, True)
    assert (engine["debug_file"], engine["symbol_status"]) == ("engine.pdb", "mismatch")
    (lone,) = check(report())["modules"]
    assert (lone["missing_symbols"], lone["symbol_status"]) == (False, None)
    verdict = full_report().symbols[1]
    broken = verdict.candidates[0]._replace(status="malformed")
    verdict = verdict._replace(status="malformed", candidates=(broken,))
    (module,) = check(report(modules=(ENGINE,), symbols=(verdict,)))["modules"]
    assert (module["corrupt_symbols"], module["missing_symbols"]) == (True, False)


def test_verdicts_and_their_candidates_are_told():
    ok, mismatch = check(full_report())["symbols"]
    assert ok["uses"] == ["functions", "lines", "inlines", "unwind"]
    assert (ok["note"], ok["fix"]) == (None, None)
    assert mismatch["debug_id"] == "0123456789ABCDEF0123456789ABCDEF1"
    assert mismatch["candidates"][0]["note"] == "it has AAAA, the dump wants BBBB"
    assert mismatch["candidates"][1]["status"] == "not_found"


def test_secrets_are_counted_and_null_when_nobody_counted():
    assert check(full_report())["secrets"][0] == {"kind": "JSON web token", "total": 2}
    assert check(report())["secrets"] is None


def test_addresses_are_as_wide_as_a_pointer():
    narrow = report(system=System("windows", "Windows NT", "10.0", "x86"))
    assert check(narrow)["crash_info"]["address"] == "0x00000045"


def test_a_dump_without_exception_has_the_same_keys():
    none = check(report(crash=None))["crash_info"]
    assert none.keys() == check(report())["crash_info"].keys()
    assert (none["type"], none["crashing_thread"]) == (None, 0)


def test_damage_and_the_distribution_are_told():
    document = check(full_report())
    assert document["status"] == "DAMAGED"
    assert document["problems"][0] == {"offset": 3, "sentence": "cut", "loses_data": True}
    assert document["lsb_release"] == {"id": "Debian", "PRETTY_NAME": "Debian 12"}
