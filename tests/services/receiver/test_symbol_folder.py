import gzip
import io
import zipfile
from contextlib import closing

import pytest

from crashtool.commands.dump_pages import DumpPages
from crashtool.formats.archives import bounds
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.symbol_folder import safe_name
from crashtool.services.symbols.session import SymbolPlan, open_session
from tests.services.receiver.conftest import wait_until
from tests.services.receiver.crashes import make_dump, make_symbols, send_crash, send_symbols


@pytest.fixture
def receiver(tmp_path):
    with (
        closing(DumpPages()) as pages,
        start_receiver(tmp_path / "inbox", read_dump=pages) as running,
    ):
        yield running


SIGNATURE = "Player::jump [memory]"


def wait_for(receiver, rxid, condition):
    wait_until(lambda: condition(receiver.inbox.get(rxid)))
    return receiver.inbox.get(rxid)


def test_a_report_is_read_again_when_its_symbols_come(receiver):
    rxid = send_crash(receiver)
    before = wait_for(receiver, rxid, lambda report: report.headline)
    assert before.symbols == "none"
    assert "libplay.so" in before.signature
    upload = send_symbols(receiver)
    after = wait_for(receiver, rxid, lambda report: report.symbols == "complete")
    assert after.signature == SIGNATURE
    assert "player.cpp:42" in after.article
    assert receiver.inbox.get(upload).headline == "1 debug file: libplay.so.sym"


def test_symbols_that_are_there_are_used_at_once(receiver):
    send_symbols(receiver)
    rxid = send_crash(receiver)
    assert wait_for(receiver, rxid, lambda report: report.headline).signature == SIGNATURE


def test_inspect_reads_the_folder_of_uploaded_symbols(receiver, tmp_path):
    upload = send_symbols(receiver)
    wait_for(receiver, upload, lambda report: report.headline)
    dump = tmp_path / "crash.dmp"
    dump.write_bytes(make_dump())
    plan = SymbolPlan((str(receiver.inbox.folder / "symbols"),))
    with open_session(plan, str(tmp_path / "cache")) as symbols:
        report = read_report(str(dump), "", InspectOptions(symbols=symbols))
    assert report.crashed_thread.frames[0].function == "Player::jump"


def test_a_single_file_keeps_the_name_that_the_url_gives(receiver):
    text = zipfile.ZipFile(io.BytesIO(make_symbols()))
    upload = send_symbols(receiver, text.read(text.namelist()[0]), "libplay.so.sym")
    report = wait_for(receiver, upload, lambda report: report.headline)
    assert report.headline == "1 debug file: libplay.so.sym"


def test_hostile_names_stay_in_the_folder_and_all_files_are_kept(receiver):
    symbols = zipfile.ZipFile(io.BytesIO(make_symbols()))
    text = symbols.read(symbols.namelist()[0])
    packed = io.BytesIO()
    names = ["../../../evil.sym", "/etc/evil.sym", "C:\\evil.sym", "a/b.sym", "c/b.sym", "..sym"]
    with zipfile.ZipFile(packed, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, text + b"INFO %d\n" % number)
    upload = send_symbols(receiver, packed.getvalue())
    wait_for(receiver, upload, lambda report: report.headline)
    folder = receiver.inbox.folder / "symbols"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == len(names)
    assert not list(receiver.inbox.folder.parent.rglob("evil.sym.*"))
    assert all(path.relative_to(folder).parts[0] == upload for path in files)


@pytest.mark.parametrize(
    ("content", "headline"),
    [
        (b"no archive", "no debug file"),
        (b"PK\x03\x04cut", "no debug file; cannot be unpacked"),
        (b"\x1f\x8bcut", "no debug file; cannot be unpacked"),
    ],
)
def test_what_holds_no_debug_file_is_said_to_hold_none(receiver, content, headline):
    upload = send_symbols(receiver, content)
    shown = wait_for(receiver, upload, lambda report: report.headline).headline
    assert shown.startswith(headline)
    assert send_crash(receiver)


def test_an_archive_made_to_fill_the_disk_is_bounded_told_and_survived(receiver, monkeypatch):
    """All members count together: each may be below what a single one is allowed."""
    monkeypatch.setattr(bounds, "FREE_BYTES", 8 << 20)
    monkeypatch.setattr(bounds, "MAX_RATIO", 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"{number}.sym", b"MODULE Linux x86_64 0 a\n" + bytes(4 << 20))
    upload = send_symbols(receiver, packed.getvalue())
    report = wait_for(receiver, upload, lambda report: report.headline)
    assert "expands more than 20-fold" in report.headline
    folder = receiver.inbox.folder / "symbols"
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert stored <= 8 << 20
    assert send_crash(receiver)


def test_what_a_receiver_did_not_come_to_is_done_at_the_next_start(tmp_path):
    with start_receiver(tmp_path) as receiver:
        upload, rxid = send_symbols(receiver), send_crash(receiver)
    with closing(DumpPages()) as pages, start_receiver(tmp_path, read_dump=pages) as receiver:
        assert wait_for(receiver, rxid, lambda report: report.headline).signature == SIGNATURE
        assert receiver.inbox.get(upload).signature == "symbols"


def test_unpacking_that_was_cut_off_is_begun_again(receiver):
    with start_receiver(receiver.inbox.folder.parent / "other") as other:
        upload = send_symbols(other)
        half = other.inbox.folder / "symbols" / f"{upload}.partial" / "0"
        half.mkdir(parents=True)
        (half / "half.sym").write_bytes(b"MODULE")
    folder = receiver.inbox.folder.parent / "other"
    with closing(DumpPages()) as pages, start_receiver(folder, read_dump=pages) as again:
        wait_for(again, upload, lambda report: report.headline)
    assert [path.name for path in (folder / "symbols").rglob("*.sym")] == ["libplay.so.sym"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b/app.pdb", "app.pdb"),
        ("..", "file"),
        ("", "file"),
        ("a\\b.dll", "b.dll"),
        ("libé.so", "libé.so"),
        ("a:b\n.so", "a_b_.so"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_name_is_made_one_that_every_system_can_have(name, safe):
    assert safe_name(name) == safe


def test_an_archive_that_breaks_its_reader_says_so_and_the_next_is_read(receiver, monkeypatch):
    def explode(*_):
        raise IndexError("list index out of range")

    with monkeypatch.context() as patch:
        patch.setattr("crashtool.services.receiver.symbol_folder.walk_archive", explode)
        broken = send_symbols(receiver, gzip.compress(make_symbols()))
        report = wait_for(receiver, broken, lambda report: report.headline)
    assert "cannot be unpacked: IndexError" in report.headline

    whole = send_symbols(receiver)
    assert wait_for(receiver, whole, lambda report: report.headline).headline.startswith("1 debug")


def test_a_damaged_archive_is_told_on_its_row(receiver):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.sym", make_symbols() + bytes(500))
    data = bytearray(out.getvalue())
    data[60:80] = bytes(20)

    upload = send_symbols(receiver, bytes(data))

    report = wait_for(receiver, upload, lambda report: report.headline)
    assert "'a.sym' is damaged" in report.headline
