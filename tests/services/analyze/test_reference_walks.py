"""Every dump that rust-minidump's reports exist for, field by field against those reports."""

import csv
import gzip
import json

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.render.as_json import crash_document
from crashtool.services.analyze.assemble_report import analyze

# Where the reports say `unknown`, with what the dump does say and why.
BETTER_TYPES = {
    # Crashpad: exception 0, because EXC_CRASH carried only a signal; it is in the parameters.
    "mac-electron-gpu.dmp": "EXC_CRASH / SIGSEGV",
    "simple-crashpad.dmp": "EXC_CRASH / SIGABRT",
    # Crashpad's own exception for an NSException, 'CPnx'.
    "minidump_crashpad_annotation.dmp": "NSEXCEPTION",
    # A signal number of 0.
    "linux-x86_64_null_signal.dmp": "0x00000000",
}
# The type and place of an assertion, which the reports leave out.
ASSERTIONS = {
    "invalid-parameter.dmp": (
        "invalid parameter: format != nullptr in common_vfprintf, output.cpp:32"
    ),
}
NIL_DEBUG_ID = "0" * 33


@pytest.fixture(scope="module")
def pairs(corpus):
    """Name, our document and the reference of each dump."""
    manifest = (corpus / "reference-walks" / "MANIFEST.tsv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(manifest.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        if row["result"] != "ok":
            continue
        path = row["dump"]
        name = path.replace("/", "__") + ".json.gz"
        reference = json.loads(gzip.decompress((corpus / "reference-walks" / name).read_bytes()))
        with Minidump.open(corpus / path) as dump:
            document = crash_document(analyze(dump, path))
        found.append((path.rpartition("/")[2], document, reference))
    assert len(found) > 50
    return found


def test_reasons_addresses_and_threads_agree(pairs):
    for name, ours, reference in pairs:
        expected = reference["crash_info"]
        got = ours["crash_info"]
        assert got["type"] == BETTER_TYPES.get(name, expected["type"]), name
        assert got["address"] == expected["address"], name
        assert got["crashing_thread"] == expected["crashing_thread"], name
        assert got["assertion"] == ASSERTIONS.get(name, expected["assertion"]), name


def test_systems_agree(pairs):
    for name, ours, reference in pairs:
        got, expected = ours["system_info"], reference["system_info"]
        assert got["os"] == expected["os"], name
        assert got["cpu_arch"] == expected["cpu_arch"], name
        assert (got["os_ver"] or "").strip() == (expected["os_ver"] or "").strip(), name
        assert (got["cpu_count"] or 0) == expected["cpu_count"], name  # 0 is not known: null
        if expected["cpu_arch"] != "arm":  # the reference lists ARM's features by name
            # The reference leaves out the vendor on systems other than Windows.
            assert (got["cpu_info"] or "").endswith(expected["cpu_info"] or ""), name


def test_processes_agree(pairs):
    for name, ours, reference in pairs:
        assert ours["pid"] == reference.get("pid"), name
        if ours["modules"]:  # without modules there is no main module
            assert ours["main_module"] == reference["main_module"], name


def without_mark(value):
    """A name without what Linux appends to that of a file that is gone; it is no part of it."""
    return value.removesuffix(" (deleted)") if isinstance(value, str) else value


def test_modules_agree(pairs):
    for name, ours, reference in pairs:
        assert len(ours["modules"]) == len(reference["modules"]), name
        for got, expected in zip(ours["modules"], reference["modules"], strict=True):
            for key in ("base_addr", "end_addr", "filename"):
                assert got[key] == without_mark(expected[key]), (name, key)
            # Ids of zero bytes are no ids, and then there is not a debug file either.
            assert (got["debug_id"] or NIL_DEBUG_ID) == expected["debug_id"], name
            if got["debug_id"]:
                assert (got["debug_file"] or "") == expected["debug_file"], name
            # On Linux an image without build id has no code id: the reference makes one of zeros.
            if got["code_id"]:
                assert got["code_id"] == expected["code_id"], name
            else:
                assert expected["code_id"].strip("0") in (
                    "",
                    f"{int(got['end_addr'], 16) - int(got['base_addr'], 16):x}".strip("0"),
                ), name
            assert (got["version"] or "0.0.0.0") == (expected["version"] or "0.0.0.0"), name  # noqa: S104


def test_unloaded_modules_agree(pairs):
    for name, ours, reference in pairs:
        for got, expected in zip(
            ours["unloaded_modules"], reference["unloaded_modules"], strict=True
        ):
            for key in ("base_addr", "end_addr", "filename", "code_id"):
                assert got[key] == expected[key], (name, key)


def test_threads_and_their_innermost_frames_agree(pairs):
    for name, ours, reference in pairs:
        assert ours["thread_count"] == reference["thread_count"], name
        for got, expected in zip(ours["threads"], reference["threads"], strict=True):
            assert got["thread_id"] == expected["thread_id"], name
            assert got["thread_name"] == expected["thread_name"], name
            if not expected["frames"]:  # the reference does not walk Breakpad's own thread
                continue
            for key in ("offset", "module", "module_offset", "trust", "unloaded_modules"):
                wanted = without_mark(expected["frames"][0][key])
                assert got["frames"][0][key] == wanted, (name, key)


def test_registers_and_last_errors_agree(pairs):
    for name, ours, reference in pairs:
        got, expected = ours["crashing_thread"], reference["crashing_thread"]
        if expected is None or not expected["frames"]:
            continue
        assert got["last_error_value"] == expected["last_error_value"], name
        registers = expected["frames"][0]["registers"]
        shown = got["frames"][0]["registers"]
        shown.setdefault("fp", shown.get("r11"))  # what the reference calls it on 32-bit ARM
        for register, value in registers.items():
            assert shown[register] == value, (name, register)
