"""Stores in S3, against a server that speaks it, in a process of its own."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable
from crashtool.services.symbols.bucket_target import PART, BucketTarget
from tests.synth.object_files import BUILD_ID, build_macho, build_pe, build_sym, full_elf
from tests.synth.pdb import build_pdb

ROOT = Path(__file__).resolve().parents[3]
SERVER = next(iter((ROOT / ".cache" / "s3").glob("*/moto_server*")), None)
SECONDS = 60  # to start, with half of a CPU
PLACE = f".build-id/{BUILD_ID.hex()[:2]}/{BUILD_ID.hex()[2:]}"


@pytest.fixture(scope="module")
def endpoint():
    if SERVER is None:
        pytest.skip("needs an S3 server: make s3server")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [SERVER, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _await(port, process):
    end = time.monotonic() + SECONDS
    while True:
        assert process.poll() is None, "it ended at once"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "it does not listen"
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def files(endpoint, monkeypatch, tmp_path):
    """The server's files, as fsspec sees them, with one bucket of this test's own."""
    import s3fs

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    settings = {
        "ACCESS_KEY_ID": "test",
        "SECRET_ACCESS_KEY": "test",
        "ENDPOINT_URL": endpoint,
        "DEFAULT_REGION": "us-east-1",
        "CONFIG_FILE": str(tmp_path / "none"),
        "SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem()
    found.mkdir(bucket(tmp_path))
    yield found
    s3fs.S3FileSystem.clear_instance_cache()


def bucket(tmp_path):
    return "".join(letter if letter.isalnum() else "-" for letter in tmp_path.name.lower())[-60:]


@pytest.fixture
def store(files, tmp_path):
    return f"s3://{bucket(tmp_path)}/symbols"


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "build" / "game"
    path.parent.mkdir()
    path.write_bytes(full_elf())
    return path


def upload(crashtool, *arguments):
    result = crashtool("upload-symbols", "--json", "--allow-empty", *arguments)
    return result, json.loads(result.stdout)["requests"]


def test_files_get_there_once_and_are_found_there(crashtool, files, store, program):
    for status in ("written", "already_there"):
        result, (row,) = upload(crashtool, program, "--to", store)
        assert (result.exit_code, row["status"]) == (0, status), result.stderr
    assert files.cat_file(f"{store}/{PLACE}") == program.read_bytes()

    found = crashtool("symbols", "find", program, "--symbol-server", store)
    assert (found.exit_code, f"{store}/{PLACE}" in found.stdout) == (0, True), found.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("app.exe", build_pe()),
        ("app.pdb", build_pdb()),
        ("App", build_macho()),
        ("app", full_elf()),
        ("app.sym", build_sym()),
    ],
)
def test_each_kind_is_found_where_it_was_put(crashtool, store, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    _, (row,) = upload(crashtool, tmp_path / name, "--to", store)
    assert row["status"] == "written", row

    found = crashtool("symbols", "find", tmp_path / name, "--symbol-server", store)
    assert row["name"] in [
        word
        for line in found.stdout.splitlines()
        for word in line.split()
        if "not found" not in line
    ]


def test_another_file_of_the_same_identifier_needs_leave(crashtool, files, store, program):
    upload(crashtool, program, "--to", store)
    program.write_bytes(full_elf(extra=[(".note", 1, 0, b"another")]))

    result, (row,) = upload(crashtool, program, "--to", store)
    assert (result.exit_code, row["status"]) == (3, "failed")
    assert files.cat_file(f"{store}/{PLACE}") == full_elf()

    result, (row,) = upload(crashtool, program, "--to", store, "--replace")
    assert (result.exit_code, row["status"]) == (0, "written")
    assert files.cat_file(f"{store}/{PLACE}") == program.read_bytes()


def test_a_bucket_is_not_made(crashtool, files, store, program):
    other = store.replace("s3://", "s3://no-")
    result, (row,) = upload(crashtool, program, "--to", other)
    assert (result.exit_code, row["status"]) == (6, "failed")
    assert "bucket does not exist" in row["reason"]
    assert not files.exists(other.rpartition("/")[0])


@pytest.mark.parametrize("size", [1, PART + 1, 2 * PART + 1])
def test_what_breaks_off_leaves_nothing(files, store, size):
    target = BucketTarget(store)
    with pytest.raises(InputUnusable):
        target.write("app", changing(size))
    assert target.read("app") is None
    assert not files.call_s3("list_multipart_uploads", Bucket=store.split("/")[2]).get("Uploads")

    target.write("app", iter([b"whole"]))
    with pytest.raises(InputUnusable):
        target.write("app", changing(size))
    assert b"".join(target.read("app")) == b"whole"


def changing(size):
    """The blocks of a file that changes while it is read."""
    yield bytes(size)
    raise InputUnusable("it changed")


def test_a_server_that_is_not_there_is_told(crashtool, store, program, monkeypatch):
    import s3fs

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    result, (row,) = upload(crashtool, program, "--to", store)
    assert result.exit_code == 7
    assert "Could not connect" in row["reason"]
