"""A saved upload body, as its user sees it: nothing of it is lost."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from crashtool.formats.multipart import FormField, FormFile, MultipartBody
from crashtool.services.receiver.app import start_receiver
from tests.synth.minidump import MinidumpBuilder


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as running:
        yield running


def save_body(path, *names):
    """A body of the fields prod and ver, a log, and a dump for each name."""
    dumps = [MinidumpBuilder().add_system().add_thread(7).set_exception(7, 11).pack()] * len(names)
    files = [*zip(names, dumps, strict=True), ("log", b"text")]
    parts = [
        FormFile(name.encode(), b"f.bin", len(data), lambda data=data: io.BytesIO(data))
        for name, data in files
    ]
    fields = [FormField(b"prod", b"Game"), FormField(b"ver", b"1.4"), FormField(b"token", b"x")]
    path.write_bytes(b"".join(MultipartBody(fields, parts, "---b---")))
    return path


def test_all_of_a_saved_body_is_sent(crashtool, tmp_path, receiver):
    body = save_body(tmp_path / "body.bin", "upload_file_minidump", "upload_file_minidump_gpu")

    result = crashtool("send-dump", "--url", receiver.submission_url(), body)

    assert result.exit_code == 0, result.stderr
    reports = list(receiver.inbox.reports())
    assert len(reports) == 2
    for report in reports:
        assert (report.fields["prod"], report.fields["ver"]) == ("Game", "1.4")
        assert "token" not in report.fields
        assert {file.name for file in report.files} == {"upload_file_minidump", "log"}
    assert "no Crashpad annotations" not in result.stderr


def test_what_the_user_adds_stands_above_the_body(crashtool, tmp_path, receiver):
    body = save_body(tmp_path / "body.bin", "upload_file_minidump")

    crashtool("send-dump", "--url", receiver.submission_url(), body, "--annotation", "ver=2")

    (report,) = receiver.inbox.reports()
    assert report.fields["ver"] == "2"


def test_inspect_shows_the_fields_and_what_the_dump_was_taken_out_of(crashtool, tmp_path):
    body = save_body(tmp_path / "body.bin", "upload_file_minidump")

    page = crashtool("inspect", body).stdout
    document = json.loads(crashtool("inspect", "--json", body).stdout)

    assert "out of a form body (2 fields; attached: f.bin)" in page
    shown = [
        (row["name"], row["value"], row["kind"], row["uploaded"]) for row in document["annotations"]
    ]
    assert shown == [("prod", "Game", "form", True), ("ver", "1.4", "form", True)]
    assert document["origin"] == "out of a form body (2 fields; attached: f.bin)"


def test_a_body_of_more_parts_than_can_be_meant_is_refused(crashtool, tmp_path):
    part = b'--b----\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    (tmp_path / "body.bin").write_bytes(part * 10_001 + b"--b------\r\n")

    result = crashtool("inspect", tmp_path / "body.bin")

    assert result.exit_code == 3
    assert "more than 10,000 multipart parts" in result.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_device_is_no_dump_and_a_stream_without_end_ends(crashtool):
    device = crashtool("inspect", "/dev/zero")

    assert device.exit_code == 3
    assert "/dev/zero is a device" in device.stderr
    with Path("/dev/zero").open("rb") as endless:
        child = subprocess.run(
            [sys.executable, "-m", "crashtool", "inspect", "-"],
            stdin=endless,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert child.returncode == 3
    assert b"made of zero bytes" in child.stderr
