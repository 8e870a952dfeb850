"""Real requests of real handlers, byte for byte."""

import gzip
import json
import re
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.services.receiver.conftest import exchange

CAPTURES = sorted((SHARED / "captures").glob("*.http")) or [None]
WINDOWS = sorted((SHARED / "truth" / "windows-databases").glob("*-http")) or [None]


def unescape(text: str) -> bytes:
    raw = text.encode("latin-1")
    return re.sub(rb"%(0d|0a|22|25)", lambda match: bytes.fromhex(match[1].decode()), raw)


def expected_parts(parts):
    fields, files = {}, []
    for part in parts:
        disposition = part["headers"][0]
        name = unescape(re.search(r'name="([^"]*)"', disposition)[1])
        filename = re.search(r'filename="([^"]*)"', disposition)
        if filename:
            files.append((name, unescape(filename[1]), part["bytes"]))
        else:
            fields[name] = part["value"].encode("latin-1")
    return fields, files


def stored_parts(report):
    fields = {_bytes(name): _bytes(value) for name, value in report.fields.items()}
    return fields, [(_bytes(f.name), _bytes(f.filename), f.size) for f in report.files]


def _bytes(text):
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem if path else "none")
def test_a_captured_request_is_stored_part_by_part(receiver, captures, path):
    status, body = exchange(receiver, path.read_bytes())
    assert (status, json.loads(body)["response"]) == (200, "ok")
    (report,) = receiver.inbox.reports()
    assert json.loads(body)["_rxid"] == report.rxid
    assert stored_parts(report) == expected_parts(
        json.loads(path.with_suffix(".json").read_text())["parts"]
    )
    assert report.minidump.read_bytes()[:4] == b"MDMP"
    for file in report.files:
        assert file.path.stat().st_size == file.size


@pytest.mark.parametrize("folder", WINDOWS, ids=lambda path: path.name if path else "none")
def test_a_windows_handlers_upload_is_taken_as_it_was_sent(receiver, truth, folder: Path):
    lines = (folder / "0.head").read_bytes().split(b"\r\n\r\n")[0].split(b"\r\n")
    body = (folder / "0.body").read_bytes()
    sent = gzip.compress(body) if any(b"gzip" in line for line in lines) else body
    pieces = [sent[at : at + 1000] for at in range(0, len(sent), 1000)]
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    status, _ = exchange(receiver, b"\r\n".join(lines) + b"\r\n\r\n" + chunked)
    assert status == 200
    (report,) = receiver.inbox.reports()
    names = re.findall(rb'Content-Disposition: form-data; name="([^"]*)"', body)
    assert [*report.fields, *(file.name for file in report.files)] == [n.decode() for n in names]
    assert report.minidump.read_bytes() in body
