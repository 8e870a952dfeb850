"""database list, show, settings and resend, on databases of all layouts."""

import io
import json
import os
import re
import tarfile
import time
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from crashtool.formats.crashpad.apple_double import read_apple_double
from crashtool.formats.crashpad.database import open_database
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.formats.crashpad.settings import read_settings
from crashtool.formats.shell_words import quote_word
from crashtool.services.files import file_lock
from crashtool.services.receiver.app import start_receiver
from tests.formats.crashpad.test_real_handlers import HANDLERS, crash, watching
from tests.services.receiver.conftest import wait_until
from tests.synth.database import (
    CLIENT,
    NOW,
    GenericDatabase,
    MacDatabase,
    report_id,
    write_attachment,
    write_settings,
)

fcntl = pytest.importorskip("fcntl")
FAILED = Metadata(NOW, upload_attempts=1, last_upload_attempt=NOW)
SENT = Metadata(NOW, True, 1, NOW, False, b'{"_rxid":"1"}')


@pytest.fixture
def generic(tmp_path):
    made = GenericDatabase(tmp_path / "db")
    made.add(1, "completed", FAILED, log=b"12345")
    made.add(2, "completed", SENT)
    return made


def listed(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_each_report_is_listed_with_its_reason(crashtool, generic):
    result = crashtool("database", "list", generic.root)
    assert result.exit_code == 0
    assert "2, 1 of them not uploaded" in result.stdout
    assert "the upload failed (1 attempt) and is not tried again" in result.stdout
    assert "9 bytes, 1 attached" in result.stdout
    assert str(report_id(2)) in result.stdout


def test_only_what_was_not_sent_is_listed_on_request(crashtool, generic):
    document = listed(crashtool("database", "list", generic.root, "--unsent", "--json"))
    assert [row["uuid"] for row in document["reports"]] == [str(report_id(1))]
    (attachment,) = document["reports"][0]["attachments"]
    assert (attachment["name"], attachment["size"]) == ("log", 5)
    assert document["settings"]["client_id"] == str(CLIENT)


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("uploaded", "completed", "uploaded; "),
        ("uploads_disabled", "completed", "never sent: uploads are disabled"),
        ("server_403", "pending", "the upload failed (1 attempt)"),
        ("server_500", "pending", "the upload failed (1 attempt)"),
        ("connection_refused", "pending", "the upload failed (1 attempt)"),
        ("bad_url", "pending", "the upload failed (1 attempt)"),
        ("no_url", "pending", "waits: no handler with a URL has run since"),
    ],
)
def test_real_windows_databases_have_their_reasons(crashtool, truth, name, state, reason):
    path = truth / "windows-databases" / name
    document = listed(crashtool("database", "list", path, "--json"))
    (report,) = document["reports"]
    assert document["kind"] == "windows"
    assert report["state"] == state
    assert report["reason"].startswith(reason)


def pack_tar(folder: Path, target: Path) -> None:
    with tarfile.open(target, "w:gz") as archive:
        archive.add(folder, "crashes")


def pack_zip(folder: Path, target: Path) -> None:
    """As the Finder does: what belongs to x lies in __MACOSX as ._x."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            name = f"crashes/{path.relative_to(folder).as_posix()}"
            if path.is_file():
                beside = path.name.startswith("._")
                archive.write(path, f"__MACOSX/{name}" if beside else name)
            else:
                archive.write(path, name)


@pytest.mark.parametrize("pack", [pack_tar, pack_zip])
def test_a_macos_database_is_read_in_an_archive(crashtool, tmp_path, pack):
    made = MacDatabase(tmp_path / "db")
    made.add(
        1,
        "completed",
        creation_time=str(NOW),
        upload_count="1",
        last_upload_attempt_time=str(NOW),
        uploaded="0",
    )
    made.add(2, "pending", creation_time=str(NOW))
    pack(made.root, tmp_path / "crashes.packed")

    document = listed(crashtool("database", "list", tmp_path / "crashes.packed", "--json"))

    assert (document["kind"], document["problems"]) == ("macos", [])
    pending, completed = document["reports"]
    assert pending["reason"] == "waits: no handler with a URL has run since"
    assert completed["reason"] == "the upload failed (1 attempt) and is not tried again"
    assert completed["created"] == NOW


def pax_tar(made, target, convention):
    """As tar writes what macOS keeps with a file, without any file beside it."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(made.root.rglob("*")):
            if path.name.startswith("._"):
                continue
            entry = archive.gettarinfo(path, f"crashes/{path.relative_to(made.root)}")
            sidecar = path.with_name("._" + path.name)
            if sidecar.is_file():
                found = read_apple_double(sidecar.read_bytes())
                entry.pax_headers = {
                    convention.name(n): convention.value(v) for n, v in found.items()
                }
            with path.open("rb") if path.is_file() else io.BytesIO() as content:
                archive.addfile(entry, content)


class Schily:
    name = "SCHILY.xattr.{}".format
    value = staticmethod(bytes.decode)


class LibArchive:
    name = "LIBARCHIVE.xattr.{}".format
    value = staticmethod(lambda value: b64encode(value).decode().rstrip("="))


@pytest.mark.parametrize("convention", [Schily, LibArchive])
def test_a_macos_database_is_read_from_the_attributes_of_a_tar(crashtool, tmp_path, convention):
    made = MacDatabase(tmp_path / "db")
    made.put(1, "completed", FAILED, log=b"12345")
    made.put(2, "completed", SENT)
    made.put(3, "pending", Metadata(NOW))
    pax_tar(made, tmp_path / "crashes.tar", convention)

    document = listed(crashtool("database", "list", tmp_path / "crashes.tar", "--json"))

    assert (document["kind"], document["problems"]) == ("macos", [])
    rows = {row["uuid"]: row for row in document["reports"]}
    assert rows[str(report_id(1))]["reason"].startswith("the upload failed (1 attempt)")
    assert rows[str(report_id(1))]["attachments"][0]["size"] == 5
    assert rows[str(report_id(2))]["id"] == '{"_rxid":"1"}'
    assert rows[str(report_id(3))]["state"] == "pending"


def test_attributes_that_are_none_leave_the_archive_unusable_and_no_traceback(crashtool, tmp_path):
    entry = tarfile.TarInfo("db/settings.dat")
    entry.pax_headers = {"LIBARCHIVE.xattr.a": "A"}
    with tarfile.open(tmp_path / "db.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry)
    result = crashtool("database", "list", tmp_path / "db.tar")
    assert result.exit_code == 3
    assert "cannot unpack" in result.stderr


def test_a_database_of_another_system_is_said_to_be_one(crashtool, tmp_path):
    MacDatabase(tmp_path / "mac").put(1, "pending", Metadata(NOW))
    (problem,) = listed(crashtool("database", "list", tmp_path / "mac", "--json"))["problems"]
    assert problem.startswith("a macOS database: handlers of this system do not know its layout")
    assert problem.endswith("and delete every minidump in it")


def test_a_report_that_is_not_there_is_told_with_how_to_list_those_that_are(crashtool, generic):
    result = crashtool("database", "show", generic.root, "c0ffee")

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"crashtool: error: no report of {generic.root} has the UUID c0ffee",
        f"  crashtool database list {quote_word(str(generic.root))}",
    ]


def test_what_a_handler_is_about_to_delete_is_said(crashtool, generic):
    made = GenericDatabase(generic.root)
    old = int(time.time()) - 400 * 86400
    made.put(5, "completed", Metadata(old))
    listing = crashtool("database", "list", generic.root).stdout
    assert listing.count("about to be deleted by a handler: it is older than a year") == 1
    shown = crashtool("database", "show", generic.root, str(report_id(5))).stdout
    assert "about to be deleted by a handler" in shown


def test_damaged_settings_can_be_replaced(crashtool, generic):
    path = generic.root / "settings.dat"
    path.write_bytes(b"damaged")
    refused = crashtool("database", "settings", generic.root, "--uploads", "enabled")
    assert "--reset makes new ones" in refused.stderr
    done = crashtool("database", "settings", generic.root, "--uploads", "enabled", "--reset")
    assert done.exit_code == 0, done.stderr
    assert read_settings(path.read_bytes()).uploads_enabled


@pytest.mark.parametrize("name", ["../out", "/out", "C:\\out", "db/../../out"])
def test_an_archive_does_not_write_outside(crashtool, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "db.zip", "w") as archive:
        archive.writestr(name, b"x")
    with tarfile.open(tmp_path / "db.tar", "w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    for packed in ("db.zip", "db.tar"):
        result = crashtool("database", "list", tmp_path / packed)
        assert result.exit_code == 3
        assert "leads out of it" in result.stderr


def test_archives_that_are_broken_empty_or_full_are_told(crashtool, tmp_path, generic):
    pack_tar(generic.root, tmp_path / "whole.tgz")
    whole = (tmp_path / "whole.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for folder in ("a", "b"):
            archive.write(generic.root / "settings.dat", f"{folder}/settings.dat")
    (tmp_path / "plain").write_bytes(b"hello")
    for name in ("cut.tgz", "empty.zip", "two.zip", "plain", "absent"):
        assert crashtool("database", "list", tmp_path / name).exit_code == 3, name
    assert "2 Crashpad databases" in crashtool("database", "list", tmp_path / "two.zip").stderr


def test_one_report_is_shown_by_the_start_of_its_uuid(crashtool, generic):
    shown = crashtool("database", "show", generic.root, str(report_id(2))).stdout
    assert '{"_rxid":"1"}' in shown
    assert "crashtool send-dump" not in shown
    unsent = crashtool("database", "show", generic.root, str(report_id(1)).upper()).stdout
    assert "log, 5 bytes" in unsent
    assert "crashtool send-dump" in unsent
    assert crashtool("database", "show", generic.root, "01234567").exit_code == 2  # both
    assert crashtool("database", "show", generic.root, "ffff").exit_code == 2


def test_reading_changes_nothing(crashtool, generic):
    before = {p: (p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in generic.root.rglob("*")}
    crashtool("database", "list", generic.root)
    crashtool("database", "show", generic.root, str(report_id(1)))
    crashtool("database", "settings", generic.root)
    after = {p: (p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in generic.root.rglob("*")}
    assert after == before


def test_settings_are_changed_in_place_and_the_rest_stays(crashtool, tmp_path):
    write_settings(tmp_path / "db", uploads_enabled=True, last=NOW, options=6)
    path = tmp_path / "db" / "settings.dat"
    path.write_bytes(path.read_bytes() + b"later versions")
    inode = path.stat().st_ino

    document = listed(
        crashtool(
            "database",
            "settings",
            tmp_path / "db",
            "--uploads",
            "disabled",
            "--last-upload-attempt",
            "never",
            "--json",
        )
    )

    changed = read_settings(path.read_bytes())
    assert (changed.options, changed.last_upload_attempt, changed.client_id) == (6, None, CLIENT)
    assert (path.stat().st_size, path.stat().st_ino) == (40, inode)
    assert document["settings"]["uploads_enabled"] is False

    crashtool("database", "settings", tmp_path / "db", "--uploads", "enabled")
    crashtool("database", "settings", tmp_path / "db", "--last-upload-attempt", str(NOW))
    changed = read_settings(path.read_bytes())
    assert (changed.options, changed.last_upload_attempt) == (7, NOW)


def test_missing_settings_are_made_and_damaged_ones_are_left(crashtool, generic):
    path = generic.root / "settings.dat"
    path.unlink()
    crashtool("database", "settings", generic.root, "--uploads", "enabled")
    assert read_settings(path.read_bytes()).uploads_enabled
    assert path.stat().st_mode & 0o777 == 0o600

    path.write_bytes(b"damaged")
    result = crashtool("database", "settings", generic.root, "--uploads", "enabled")
    assert result.exit_code == 3
    assert path.read_bytes() == b"damaged"


@pytest.mark.parametrize("last", ["yesterday", "-1", "9" * 30])
def test_a_time_that_is_none_is_a_usage_error(crashtool, generic, last):
    before = (generic.root / "settings.dat").read_bytes()
    result = crashtool("database", "settings", generic.root, f"--last-upload-attempt={last}")
    assert result.exit_code == 2
    assert (generic.root / "settings.dat").read_bytes() == before


def test_settings_that_another_process_locks_are_waited_for_then_left(
    crashtool, generic, monkeypatch
):
    monkeypatch.setattr(file_lock, "PATIENCE", 0.05)
    path = generic.root / "settings.dat"
    before = path.read_bytes()
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        result = crashtool("database", "settings", generic.root, "--uploads", "disabled")
    assert result.exit_code == 3
    assert "locked by another process" in result.stderr
    assert path.read_bytes() == before


def test_settings_that_are_a_link_are_not_followed(crashtool, generic, tmp_path):
    path = generic.root / "settings.dat"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    result = crashtool("database", "settings", generic.root, "--uploads", "disabled")
    assert result.exit_code == 3
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_a_report_that_was_given_up_waits_again(crashtool, generic):
    result = crashtool("database", "resend", generic.root, str(report_id(1)))
    assert result.exit_code == 0, result.stderr
    report = open_database(generic.root).reports[0]
    assert (report.uuid, report.state) == (report_id(1), "pending")
    assert report.upload_explicitly_requested
    assert report.upload_attempts == 1
    assert [item.name for item in report.attachments] == ["log"]
    left = sorted(path.name for path in (generic.root / "completed").iterdir())
    assert left == [f"{report_id(2)}.dmp", f"{report_id(2)}.meta"]
    assert not list(generic.root.rglob("*.lock"))
    again = crashtool("database", "resend", generic.root, str(report_id(1)))
    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize("folder", ["pending", "completed"])
def test_a_report_that_a_handler_holds_stays_as_it_is(crashtool, generic, folder):
    lock = generic.root / folder / f"{report_id(1)}.lock"
    lock.write_bytes(bytes(8))
    before = sorted(os.walk(generic.root))
    result = crashtool("database", "resend", generic.root, str(report_id(1)))
    assert result.exit_code == 3
    assert "locked by a handler" in result.stderr
    assert sorted(os.walk(generic.root)) == before


def test_what_cannot_be_put_back_says_what_else_to_do(crashtool, generic, tmp_path):
    generic.add(3, "new", None)
    for number in (2, 3):
        result = crashtool("database", "resend", generic.root, str(report_id(number)))
        assert result.exit_code == 2
    pack_tar(generic.root, tmp_path / "db.tgz")
    assert crashtool("database", "resend", tmp_path / "db.tgz", str(report_id(1))).exit_code == 2


def remaining(root):
    return [int(str(report.uuid)[-2:], 16) for report in open_database(root).reports]


@pytest.fixture
def aged(tmp_path):
    made = GenericDatabase(tmp_path / "db")
    for number, days in ((1, 400), (2, 100), (3, 1), (4, 400)):
        created = int(time.time()) - days * 86400
        metadata = (
            SENT._replace(created=created) if number != 4 else FAILED._replace(created=created)
        )
        made.add(number, "completed", metadata, bytes(1000), log=bytes(500))
    return made.root


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--older-than", "365"], [2, 3, 4]),
        (["--older-than", "30"], [3, 4]),
        (["--older-than", "30", "--unsent"], [3]),
        (["--max-size", "3000"], [2, 3, 4]),
        (["--max-size", "2999", "--unsent"], [3]),
        (["--max-size", "1", "--unsent"], []),
        (["--older-than", "30", "--dry-run"], [1, 2, 3, 4]),
    ],
)
def test_old_reports_are_deleted_and_unsent_ones_only_on_request(crashtool, aged, arguments, left):
    result = crashtool("database", "prune", aged, *arguments)
    assert result.exit_code == 0, result.stderr
    assert remaining(aged) == left
    assert len(list((aged / "attachments").iterdir())) == len(left)
    assert not open_database(aged).problems
    assert not list(aged.rglob("*.lock"))


def test_pruning_wants_a_measure_and_leaves_what_is_held(crashtool, aged):
    assert crashtool("database", "prune", aged).exit_code == 2
    (aged / "completed" / f"{report_id(1)}.lock").write_bytes(bytes(8))
    assert crashtool("database", "prune", aged, "--older-than", "30").exit_code == 0
    assert remaining(aged) == [1, 3, 4]


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_real_handler_sends_what_was_put_back_without_consent(crashtool, tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root, uploads_enabled=False)
    (given_up,) = crash(handler, root, "http://127.0.0.1:9/u/t/minidump").reports
    assert given_up.state == "completed", kind
    assert crashtool("database", "resend", root, str(given_up.uuid)).exit_code == 0
    (put_back,) = open_database(root).reports
    assert put_back.state == "pending"
    with start_receiver(tmp_path / "inbox") as receiver:
        with watching(handler, root, receiver.submission_url()):
            wait_until(
                lambda: [report.uploaded for report in open_database(root).reports] == [True]
            )
        (arrived,) = receiver.inbox.reports()
    (sent,) = open_database(root).reports
    assert (sent.uuid, sent.state) == (given_up.uuid, "completed")
    assert arrived.minidump.read_bytes() == sent.path.read_bytes()


@pytest.mark.parametrize(("handler", "kind"), HANDLERS)
def test_a_real_handler_keeps_settings_that_were_written_here(crashtool, tmp_path, handler, kind):
    root = tmp_path / "db"
    write_settings(root, uploads_enabled=False)
    assert crashtool("database", "settings", root, "--uploads", "enabled").exit_code == 0
    with start_receiver(tmp_path / "inbox") as receiver:
        database = crash(handler, root, receiver.submission_url(), "--no-periodic-tasks")
    assert database.settings.client_id == CLIENT, kind
    assert [report.uploaded for report in database.reports] == [True]


def test_a_list_is_sorted_by_time_and_kept_short_on_request(crashtool, tmp_path):
    made = GenericDatabase(tmp_path / "db")
    for number, created in ((1, NOW - 50), (2, NOW), (3, NOW - 9)):
        made.put(number, "pending", Metadata(created=created))
    ids = [str(report_id(number)) for number in (2, 3, 1)]

    def shown(*options):
        text = crashtool("database", "list", made.root, *options).stdout
        return text, re.findall(r"(?m)^pending +(\S+)", text)

    text, order = shown()
    assert order == ids
    assert "3, 3 of them not uploaded" in text
    assert f"next       crashtool inspect {made.root}/pending/{ids[0]}.dmp" in text
    text, order = shown("--limit", "2")
    assert order == ids[:2]
    assert "1 older ones are not listed" in text
    assert shown("--newest")[1] == ids[:1]
    document = json.loads(crashtool("database", "list", "--json", "--limit", "1", made.root).stdout)
    assert [row["uuid"] for row in document["reports"]] == ids[:1]
    both = crashtool("database", "list", "--newest", "--limit", "3", made.root)
    assert (both.exit_code, "cannot be combined" in both.stderr) == (2, True)


def test_leftovers_are_named_by_list_and_deleted_by_the_command_that_it_names(crashtool, tmp_path):
    made = GenericDatabase(tmp_path / "db")
    made.put(1, "completed", Metadata(created=NOW, uploaded=True))
    write_attachment(made.root, report_id(50), "big.log", b"x" * 2000)
    listed_text = crashtool("database", "list", made.root).stdout
    assert f"attachments/{report_id(50)}" in listed_text
    command = re.search(r"to delete them: crashtool (.*)", listed_text)[1].split()
    dry = crashtool(*command, "--dry-run", "--json")
    assert json.loads(dry.stdout)["deleted"] is False
    assert json.loads(dry.stdout)["leftovers"][0]["kind"] == "attachments"
    done = crashtool(*command)
    assert "0 of 1 reports, and 1 leftovers were deleted" in done.stderr
    assert json.loads(crashtool("database", "list", "--json", made.root).stdout)["leftovers"] == []
    assert "older-than" in crashtool("database", "prune", made.root).stderr
