import json
import shutil

import fsspec
import pytest

from crashtool.errors import BadUrl, InputUnusable, NetworkFailure, Refused, Rejected
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.bucket_target import BucketTarget
from crashtool.services.symbols.session import SymbolPlan, open_session


def write(crashtool, *arguments):
    result = crashtool("upload-symbols", "--json", *arguments)
    return result, json.loads(result.stdout).get("requests", [])


PLACES = {
    "windows/bin/msvc-x64/crasher.pdb": "crasher.pdb/2B3A6A3ED0492C914C4C44205044422E1/crasher.pdb",
    "objects/elf/full": ".build-id/c5/39dfe63a689e501f972be296c9ba636eb38446",
    "objects/elf/full.debug": ".build-id/c5/39dfe63a689e501f972be296c9ba636eb38446.debug",
    "objects/macho/libmac_arm64.dylib": "libmac_arm64.dylib/"
    "mach-uuid-4c4c442a55553144a1e3ac4f34bf704f/libmac_arm64.dylib",
}


@pytest.mark.parametrize("place", PLACES)
def test_each_kind_has_its_place(crashtool, truth, tmp_path, place):
    result, rows = write(crashtool, truth / place, "--to", "store")
    assert result.exit_code == 0, result.stderr
    assert [row["name"] for row in rows] == [f"store/{PLACES[place]}"]
    assert (tmp_path / "store" / PLACES[place]).read_bytes() == (truth / place).read_bytes()


def test_an_image_lies_under_its_time_and_size(crashtool, truth, tmp_path):
    _, rows = write(crashtool, truth / "windows/bin/msvc-x64/crasher.exe", "--to", "store")
    (path,) = (path for path in (tmp_path / "store").rglob("*.exe") if path.is_file())
    identifier = path.parent.name
    assert identifier[:8] == identifier[:8].upper()
    assert rows[0]["name"].endswith(f"crasher.exe/{identifier}/crasher.exe")


def test_inspect_reads_a_stack_with_the_store(crashtool, truth, tmp_path):
    folder = truth / "windows" / "bin" / "msvc-x64"
    result, _ = write(crashtool, folder, "--to", "store")
    assert result.exit_code == 0
    dump = min((truth / "windows" / "dumps").glob("msvc-x64.*.crashpad.dmp"))
    plan = SymbolPlan((str(tmp_path / "store"),))
    with open_session(plan, str(tmp_path / "cache")) as symbols:
        report = read_report(str(dump), "", InspectOptions(symbols=symbols))
    lines = [frame.line for frame in report.crashed_thread.frames if frame.module]
    assert sum(line is not None for line in lines) >= 5


def test_a_second_time_everything_is_there_already(crashtool, truth, tmp_path):
    folder = truth / "windows" / "bin" / "msvc-x64"
    write(crashtool, folder, "--to", "store")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.*")}
    result, rows = write(crashtool, folder, "--to", "store")
    assert result.exit_code == 0
    assert {row["status"] for row in rows} == {"already_there"}
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.*")}


def test_another_file_of_the_same_identifier_is_not_replaced_unasked(crashtool, truth, tmp_path):
    stripped, full = truth / "objects/elf/stripped_all", truth / "objects/elf/full"
    write(crashtool, stripped, "--to", "store", "--allow-empty")
    result, (row,) = write(crashtool, full, "--to", "store")
    assert result.exit_code == 3
    assert "is there already" in row["reason"]
    place = tmp_path / "store" / PLACES["objects/elf/full"]
    assert place.read_bytes() == stripped.read_bytes()
    result, _ = write(crashtool, full, "--to", "store", "--replace")
    assert result.exit_code == 0
    assert place.read_bytes() == full.read_bytes()


def test_without_an_identifier_there_is_no_place(crashtool, truth):
    useless = truth / "objects/elf/no_buildid"
    result, (row,) = write(crashtool, useless, "--to", "store", "--allow-empty")
    assert result.exit_code == 3
    assert "no identifier" in row["reason"]


def test_a_dry_run_shows_the_places_and_writes_nothing(crashtool, truth, tmp_path):
    result, (row,) = write(crashtool, "-n", truth / "objects/elf/full", "--to", "store")
    assert result.exit_code == 0
    assert (row["name"], row["status"]) == (
        f"store/{PLACES['objects/elf/full']}",
        "would_upload",
    )
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_written_is_told(crashtool, truth, tmp_path):
    (tmp_path / "store").write_text("a file")
    result, (row,) = write(crashtool, truth / "objects/elf/full", "--to", "store")
    assert result.exit_code == 9
    assert "cannot write" in row["reason"]


def test_nothing_half_written_is_left_behind(crashtool, truth, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "replace", refuse)
    result, _ = write(crashtool, truth / "objects/elf/full", "--to", "store")
    assert result.exit_code == 9
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_an_object_store_takes_them_too(crashtool, truth):
    url = "memory://bucket/symbols"
    for status in ("written", "already_there"):
        result, (row,) = write(crashtool, truth / "objects/elf/full", "--to", url)
        assert (result.exit_code, row["status"]) == (0, status)
    files = fsspec.filesystem("memory")
    with files.open(f"/bucket/symbols/{PLACES['objects/elf/full']}") as file:
        assert file.read() == (truth / "objects/elf/full").read_bytes()
    assert crashtool("upload-symbols", truth / "objects", "--to", "nowhere://x").exit_code == 4


@pytest.mark.parametrize("url", ["memory://", "s3:///"])
def test_an_object_store_without_a_bucket_is_none(url):
    with pytest.raises(BadUrl, match="names no bucket"):
        BucketTarget(url)


def test_an_object_store_shows_nothing_of_what_broke_off():
    target = BucketTarget("memory://broken/symbols")

    def read():
        yield b"begun"
        raise InputUnusable("it changed")

    with pytest.raises(InputUnusable):
        target.write("app", read())
    assert target.read("app") is None


def test_what_goes_from_an_object_store_while_it_is_read_is_told():
    target = BucketTarget("memory://going/symbols")
    target.write("app", iter([b"whole"]))
    blocks = target.read("app")
    fsspec.filesystem("memory").rm("/going/symbols/app")
    with pytest.raises(Rejected, match="memory store"):
        list(blocks)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(PermissionError, Refused), (FileNotFoundError, Rejected), (ValueError, NetworkFailure)],
)
def test_what_an_object_store_says_has_its_class(error, kind):
    def fail():
        yield b"begun"
        raise error("its words")  # as the store's library does where it writes

    with pytest.raises(kind, match="memory store: its words") as caught:
        BucketTarget("memory://failing/symbols").write("app", fail())
    assert caught.value.hint


class TestReceipt:
    @pytest.fixture
    def receipt(self, crashtool, truth, tmp_path):
        write(crashtool, truth / "windows/bin/msvc-x64", "--to", "store", "--receipt", "r.json")
        return tmp_path / "r.json"

    def verify(self, crashtool, receipt, *paths):
        result = crashtool("upload-symbols", "--json", "--verify-receipt", receipt, *paths)
        document = json.loads(result.stdout)
        return result, {row["name"]: row["status"] for row in document.get("gate", [])}

    def test_the_files_that_were_taken_are_in_it(self, crashtool, truth, receipt):
        result, rows = self.verify(crashtool, receipt, truth / "windows/bin/msvc-x64")
        assert result.exit_code == 0
        assert set(rows.values()) == {"ok"}
        assert len(rows) == 4

    def test_another_build_is_not(self, crashtool, truth, receipt):
        result, rows = self.verify(crashtool, receipt, truth / "windows/bin/msvc-x86/crasher.exe")
        assert result.exit_code == 4
        assert rows == {"crasher.exe": "missing"}

    def test_what_failed_does_not_count(self, crashtool, truth, receipt):
        document = json.loads(receipt.read_text())
        for request in document["requests"]:
            request["status"] = "failed"
        receipt.write_text(json.dumps(document))
        result, rows = self.verify(crashtool, receipt, truth / "windows/bin/msvc-x64")
        assert result.exit_code == 4
        assert set(rows.values()) == {"missing"}

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{}",
            b"[]",
            b"\xff",
            b'{"requests": 1, "files": []}',
            b'{"requests": [], "files": [{"path": 1}]}',
            b"[" * 100_000,
        ],
    )
    def test_what_is_no_receipt_is_unusable(self, crashtool, truth, receipt, content):
        receipt.write_bytes(content)
        result, _ = self.verify(crashtool, receipt, truth / "objects/elf/full")
        assert result.exit_code == 3
        assert "Traceback" not in result.stderr

    def test_a_receipt_that_is_not_there_is_told(self, crashtool, truth, receipt):
        shutil.move(receipt, f"{receipt}.old")
        result, _ = self.verify(crashtool, receipt, truth / "objects/elf/full")
        assert result.exit_code == 3
        assert "No such file" in result.stderr
