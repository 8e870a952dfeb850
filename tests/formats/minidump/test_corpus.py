"""Real dumps by many writers: what is read against what was published about them."""

import csv
import gzip
import json
import re
import time
import tracemalloc

import pytest

from crashtool.formats.minidump import streams
from crashtool.formats.minidump.file import Minidump
from tests.conftest import SHARED
from tests.formats.minidump.test_robustness import MAX_MEMORY, read_everything

PLATFORMS = {
    "Windows": "windows",
    "Linux": "linux",
    "macOS": "macos",
    "iOS": "ios",
    "Android": "android",
}
ARCHITECTURES = {"amd64": "x86_64", "arm64-old": "arm64"}
HOSTILE_SECONDS = 2


def read_index(*categories):
    index = SHARED / "corpus" / "index.tsv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in rows if row["category"] in categories]


def list_walks():
    manifest = SHARED / "corpus" / "reference-walks" / "MANIFEST.tsv"
    if not manifest.exists():
        return []
    rows = [line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]
    return [path for path, _, result in rows if result == "ok"]


def has(dump, stream_type):
    return dump.find_place(stream_type) is not None


@pytest.mark.parametrize(
    "row", read_index("dump", "synthetic-dump"), ids=lambda row: row["path"].rpartition("/")[2]
)
def test_a_real_dump_is_what_the_index_says(row, corpus):
    with Minidump.open(corpus / row["path"]) as dump:
        assert dump.system.platform == PLATFORMS[row["platform"]]
        assert dump.system.architecture == ARCHITECTURES.get(row["arch"], row["arch"])
        code = f"{dump.exception.code:#010x}" if dump.exception else ""
        assert code == row["exc_code"]
        assert str(len(dump.threads)) == row["threads"] or not has(dump, streams.THREAD_LIST)
        assert str(len(dump.modules)) == row["modules"] or not has(dump, streams.MODULE_LIST)
        if dump.exception:
            assert dump.exception.thread_id == int(row["exc_thread"])
            assert dump.exception.address == int(row["exc_addr"] or "0", 16)
        if row["crashpad"]:
            published = json.loads(row["crashpad"].strip('"').replace('""', '"'))
            assert dump.crashpad.report_id.hex.upper() == published["report_id"]
            assert len(dump.crashpad.annotations) == published["simple_annotations"]
        if row["mem_regions"]:
            assert len(dump.memory.ranges) == int(row["mem_regions"])


@pytest.mark.parametrize("row", read_index("dump"), ids=lambda row: row["path"].rpartition("/")[2])
def test_a_real_dump_has_no_problem(row, corpus):
    assert read_everything((corpus / row["path"]).read_bytes()).problems == []


@pytest.mark.parametrize(
    "row",
    read_index("hostile-dump", "kernel-dump", "microdump", "container"),
    ids=lambda row: row["path"].rpartition("/")[2],
)
def test_a_hostile_file_is_refused_or_read_in_part_soon(row, corpus):
    data = (corpus / row["path"]).read_bytes()
    tracemalloc.start()
    start = time.process_time()
    try:
        read_everything(data)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - start < HOSTILE_SECONDS
    assert peak < MAX_MEMORY


@pytest.mark.parametrize("path", list_walks(), ids=lambda path: path.rpartition("/")[2])
def test_modules_and_contexts_agree_with_another_reader(path, corpus):
    packed = corpus / "reference-walks" / f"{path.replace('/', '__')}.json.gz"
    published = json.loads(gzip.decompress(packed.read_bytes()))
    by_base = {int(row["base_addr"], 16): row for row in published["modules"]}
    with Minidump.open(corpus / path) as dump:
        assert len(dump.modules) == len(published["modules"])
        for module in dump.modules:
            row = by_base[module.base]
            assert module.base + module.size == int(row["end_addr"], 16)
            assert re.split(r"[\\/]", module.name)[-1] == row["filename"]
            assert module.version == row["version"]
            assert (module.debug_id.breakpad if module.debug_id else "0" * 33) == row["debug_id"]
            if module.code_id or dump.system.platform != "linux":
                assert (module.code_id or "").lower() == (row["code_id"] or "")
        for thread, row in zip(dump.threads, published["threads"], strict=True):
            assert (thread.id, thread.name) == (row["thread_id"], row["thread_name"])
            if row["frames"]:  # the other reader does not walk the thread that wrote the dump
                assert find_start(dump, thread) == int(row["frames"][0]["offset"], 16)
        assert len(dump.unloaded_modules) == len(published["unloaded_modules"])


def find_start(dump, thread):
    """The instruction pointer that a walk of a thread starts from."""
    found = dump.context(thread.context)
    if dump.exception and dump.exception.thread_id == thread.id:
        found = dump.context(dump.exception.context) or found
    return found.instruction_pointer if found else None


def read_manifest():
    manifest = SHARED / "truth" / "linux" / "manifest.json"
    if not manifest.exists():
        return []
    return json.loads(manifest.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", read_manifest(), ids=lambda case: case["id"])
def test_a_crash_of_known_truth_has_its_registers(case, truth):
    with Minidump.open(truth / "linux" / case["dump"]) as dump:
        assert dump.exception.thread_id == case["crash_tid"]
        assert dump.exception.code == case["signal"]
        assert dump.exception.flags == case["si_code"] & 0xFFFFFFFF
        found = dump.context(dump.exception.context)
        assert found.size * 8 == case["bits"]
        shared = set(found.registers) & set(case["regs"])
        assert len(shared) >= 9
        for name in shared:
            assert found.registers[name] == int(case["regs"][name], 16), name
        assert [module.base for module in dump.modules] == [
            int(module["base"], 16) for module in case["modules"]
        ]
        assert dump.crashpad.report_id.int
        assert dump.problems == []


def list_windows_dumps():
    return sorted((SHARED / "truth" / "windows" / "dumps").glob("*.dmp"))


@pytest.mark.parametrize("path", list_windows_dumps(), ids=lambda path: path.name)
def test_a_windows_crash_of_known_truth_is_read_whole(path):
    dump = read_everything(path.read_bytes())
    assert dump.system.platform == "windows"
    assert dump.exception
    assert dump.context(dump.exception.context)
    assert dump.memory.read(dump.context(dump.exception.context).stack_pointer, 16)
    assert all(dump.memory.read(module.base, 2) in {b"MZ", None} for module in dump.modules)
    assert dump.problems == []
