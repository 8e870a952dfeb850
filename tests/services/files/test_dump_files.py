import builtins
import gzip
import io
import os
import zipfile
from pathlib import Path

import pytest

from crashtool.errors import InputUnusable, NothingFound
from crashtool.formats.multipart import FormField, FormFile, MultipartBody
from crashtool.services.files import unwrap_dumps
from crashtool.services.files.dump_files import find_dumps
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import DumpFile, UnusableInput

DUMP = b"MDMP" + bytes(range(200))


@pytest.fixture
def spool():
    with Scratch() as scratch:
        yield scratch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "in"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def find(spool, *inputs, stdin=b""):
    """What was found: (path, bytes, note), or the error; each unpacked file is discarded."""
    found = []
    for item in find_dumps([str(text) for text in inputs], spool, io.BytesIO(stdin)):
        if isinstance(item, UnusableInput):
            found.append((item.path, type(item.error), item.error.what))
        else:
            data = item.file.read_bytes()
            assert item.size == len(data)
            found.append((item.path, data, item.note))
            item.discard()
    return found


def form(*files):
    parts = [
        FormFile(name, b"f", len(data), lambda data=data: io.BytesIO(data)) for name, data in files
    ]
    return b"".join(MultipartBody([FormField(b"prod", b"x")], parts, "---b---"))


def test_a_named_file_is_taken_whatever_it_holds(folder, spool):
    (folder / "x.txt").write_bytes(b"hello")

    assert find(spool, "x.txt") == [("x.txt", b"hello", None)]


def test_a_folder_gives_what_holds_a_dump_whatever_its_name(folder, spool):
    for name, data in {
        "b/report": DUMP,
        "a/x.dmp": DUMP + b"1",
        "a/log.txt": b"text",
        "empty.dmp": b"",
        "z.gz": gzip.compress(DUMP),
        "sql.gz": gzip.compress(b"-- MySQL dump\r\n"),
        "broken.gz": b"\x1f\x8bno",
        "broken.zip": b"PK\x03\x04no",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)

    found = find(spool, folder)

    assert [(os.path.relpath(path, folder), note) for path, _, note in found] == [
        ("z.gz", "out of gzip"),
        (str(Path("a", "x.dmp")), None),
        (str(Path("b", "report")), None),
    ]
    assert not list(Path(spool.folder()).iterdir())


def test_a_database_gives_its_reports_and_not_its_attachments(folder, spool):
    (folder / "settings.dat").write_bytes(b"CPds")
    for name in ("attachments/1/x.dmp", "completed/1.dmp", "new/2.dmp", "pending/3.dmp"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(DUMP)

    assert [os.path.relpath(path, folder) for path, _, _ in find(spool, folder)] == [
        str(Path("completed", "1.dmp")),
        str(Path("pending", "3.dmp")),
    ]


def test_folders_called_new_elsewhere_are_no_databases(folder, spool):
    (folder / "new").mkdir()
    (folder / "new" / "1.dmp").write_bytes(DUMP)

    assert len(find(spool, folder)) == 1


def test_an_empty_folder_is_nothing_found(folder, spool):
    ((path, kind, what),) = find(spool, folder)

    assert (path, kind) == (str(folder), NothingFound)
    assert what.startswith("no minidump in ")


def test_a_glob_is_expanded_where_the_shell_does_not(folder, spool):
    for name in ("b.dmp", "a.dmp", "c.txt"):
        (folder / name).write_bytes(DUMP)
    (folder / "d.dmp").mkdir()
    (folder / "d.dmp" / "inside").write_bytes(DUMP)

    assert [path for path, _, _ in find(spool, "*.dmp")] == [
        "a.dmp",
        "b.dmp",
        str(Path("d.dmp", "inside")),
    ]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder, spool):
    (folder / "[1].dmp").write_bytes(DUMP)

    assert [path for path, _, _ in find(spool, "[1].dmp")] == ["[1].dmp"]


@pytest.mark.parametrize(("text", "kind"), [("*.none", NothingFound), ("gone", InputUnusable)])
def test_what_is_not_there_is_said(folder, spool, text, kind):
    ((path, error, what),) = find(spool, text)

    assert (path, error) == (text, kind)
    assert text in what


def test_a_url_is_to_be_downloaded_first(folder, spool):
    (gone,) = find_dumps(["https://crashes.example/1.dmp"], spool, None)

    assert gone.error.hint == "download it, and name the file"


def test_the_same_file_is_found_once(folder, spool):
    (folder / "a.dmp").write_bytes(DUMP)
    (folder / "link.dmp").symlink_to("a.dmp")

    assert len(find(spool, "a.dmp", "./a.dmp", folder, "*.dmp", "link.dmp")) == 1


def test_standard_input_is_spooled_and_discarded(folder, spool):
    assert find(spool, "-", stdin=DUMP) == [("standard input", DUMP, None)]
    assert not list(Path(spool.folder()).iterdir())


def test_standard_input_may_be_wrapped(folder, spool):
    assert find(spool, "-", stdin=gzip.compress(DUMP)) == [("standard input", DUMP, "out of gzip")]
    assert not list(Path(spool.folder()).iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_to_its_end(folder, spool):
    import threading

    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_bytes(DUMP))
    writer.start()

    assert find(spool, "pipe") == [("pipe", DUMP, None)]
    writer.join()


def test_a_pipe_in_a_folder_is_passed_by(folder, spool):
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    (folder / "a.dmp").write_bytes(DUMP)

    assert len(find(spool, folder)) == 1


def test_a_saved_form_body_gives_its_dump_with_its_fields_and_files(folder, spool):
    (folder / "body").write_bytes(form((b"log.txt", b"x"), (b"upload_file_minidump", DUMP)))

    (item,) = find_dumps(["body"], spool, io.BytesIO())

    assert item.file.read_bytes() == DUMP
    assert (item.path, item.note) == ("body", "out of a form body (1 field; attached: f)")
    assert item.fields == (("prod", "x"),)
    assert [(name, Path(path).read_bytes()) for name, path, _ in item.attachments] == [
        ("log.txt", b"x")
    ]
    item.discard()
    assert not list(Path(spool.folder()).iterdir())


def test_each_dump_of_a_form_body_is_a_report_with_all_that_belongs_to_it(folder, spool):
    (folder / "body").write_bytes(
        form((b"upload_file_minidump", DUMP), (b"other", DUMP + b"2"), (b"log", b"text"))
    )
    found = []
    for item in find_dumps(["body"], spool, io.BytesIO()):
        found.append((item.path, item.file.read_bytes(), len(item.attachments), item.fields))
        item.discard()

    assert found == [
        ("body:f", DUMP, 1, (("prod", "x"),)),
        ("body:f", DUMP + b"2", 1, (("prod", "x"),)),
    ]
    assert not list(Path(spool.folder()).iterdir())


def test_the_token_of_a_saved_upload_is_no_annotation(folder, spool):
    body = MultipartBody(
        [FormField(b"token", b"0" * 64), FormField(b"format", b"minidump"), FormField(b"a", b"b")],
        [FormFile(b"upload_file_minidump", b"f", len(DUMP), lambda: io.BytesIO(DUMP))],
        "---b---",
    )
    (folder / "body").write_bytes(b"".join(body))

    (item,) = find_dumps(["body"], spool, io.BytesIO())

    assert item.fields == (("a", "b"),)


def test_a_dump_under_another_name_in_a_form_is_known_by_its_content(folder, spool):
    (folder / "body").write_bytes(form((b"crash", DUMP)))

    assert find(spool, "body")[0][1] == DUMP


def test_wrappers_in_wrappers_are_opened(folder, spool):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("a/readme.txt", "text")
        archive.writestr("a/1.dmp", DUMP)
        archive.writestr("a/2.gz", gzip.compress(DUMP + b"2"))
        archive.writestr("a/3.gz", gzip.compress(form((b"upload_file", DUMP + b"3"))))
        archive.writestr("a/4.gz", gzip.compress(b"text"))

    found = find(spool, folder)

    three = "out of a zip archive, out of gzip, out of a form body (1 field)"
    assert [(Path(path).name, data, note) for path, data, note in found] == [
        ("1.dmp", DUMP, "out of a zip archive"),
        ("2.gz", DUMP + b"2", "out of a zip archive, out of gzip"),
        ("3.gz", DUMP + b"3", three),
    ]
    assert found[0][0].endswith("all.zip:a/1.dmp")
    assert not list(Path(spool.folder()).iterdir())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(DUMP)[:-12], "is gzip and damaged: gzip data is cut short"),
        (b"PK\x03\x04" + bytes(30), "is a zip archive and damaged"),
        (form((b"other", b"text")), "a form body without a minidump"),
        (form((b"upload_file", DUMP))[:-30], "is a form body and damaged"),
    ],
)
def test_a_wrapper_that_gives_no_dump_is_said(folder, spool, data, words):
    (folder / "file").write_bytes(data)

    ((path, kind, what),) = find(spool, "file")

    assert (path, kind) == ("file", InputUnusable)
    assert words in what
    assert not list(Path(spool.folder()).iterdir())


def test_a_zip_without_a_dump_is_said(folder, spool):
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("folder/", "")
        archive.writestr("readme.txt", "text")

    assert "a zip archive without a minidump" in find(spool, "x.zip")[0][2]


def test_wrappers_are_not_opened_without_end(folder, spool):
    data = DUMP
    for _ in range(5):
        data = gzip.compress(data)
    (folder / "deep").write_bytes(data)

    ((_, inner, _),) = find(spool, "deep")

    assert inner[:2] == b"\x1f\x8b"


def test_a_bomb_is_stopped(folder, spool, monkeypatch):
    monkeypatch.setattr(unwrap_dumps, "MAX_UNPACKED", 1000)
    (folder / "bomb").write_bytes(gzip.compress(bytes(5000)))

    ((_, kind, what),) = find(spool, "bomb")

    assert kind is InputUnusable
    assert "holds 1,000 bytes or more" in what
    assert not list(Path(spool.folder()).iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_is_said(folder, spool):
    (folder / "secret.dmp").write_bytes(DUMP)
    (folder / "secret.dmp").chmod(0)

    assert "permission denied" in find(spool, "secret.dmp")[0][2]


def test_a_dump_that_is_gone_since_its_folder_was_listed_is_said(folder, spool):
    for name in ("a.dmp", "b.dmp", "c.dmp"):
        (folder / name).write_bytes(DUMP)
    dumps = find_dumps([str(folder)], spool, None)
    assert next(dumps).path.endswith("a.dmp")
    (folder / "b.dmp").unlink()

    kept, gone = dumps

    assert kept.path.endswith("c.dmp")
    assert gone.path == str(folder)
    assert gone.error.what.startswith(f"cannot read {folder}: ")
    assert gone.error.what.endswith(" (b.dmp)")


@pytest.mark.parametrize("pattern", ["", "*"])
def test_a_link_to_no_dump_is_said(folder, spool, pattern):
    inner = folder / "inner"
    inner.mkdir()
    (inner / "gone.dmp").symlink_to(folder / "nowhere.dmp")
    (inner / "notes.txt").symlink_to(folder / "nowhere.txt")
    text = str(folder / pattern) if pattern else str(folder)

    (gone,) = find_dumps([text], spool, None)

    assert gone.error.what.startswith(f"cannot read {text}: ")
    assert gone.error.what.endswith(" (gone.dmp)")


def test_a_path_that_cannot_be_is_said(folder, spool):
    ((_, kind, what),) = find(spool, "x" * 5000)

    assert kind is InputUnusable
    assert "x" * 5000 in what


def test_an_unwrapped_dump_is_not_discarded(tmp_path):
    path = tmp_path / "a.dmp"
    path.write_bytes(DUMP)

    DumpFile("a.dmp", path, len(DUMP)).discard()

    assert path.exists()


class Breaking:
    """A pipe that breaks after some blocks of a minidump."""

    def __init__(self):
        self.left = 4

    def read(self, size=-1):
        self.left -= 1
        if self.left:
            return b"MDMP" * (size // 4)
        raise OSError(5, "Input/output error")


def test_a_spooled_file_is_closed_before_it_is_removed(spool, monkeypatch):
    opened = []
    make, real = builtins.open, Path.unlink

    def remember(path, mode="r", *rest, **options):
        file = make(path, mode, *rest, **options)
        if "x" in mode:
            opened.append(file)
        return file

    def unlink(path, **options):  # as Windows does it
        if any(not file.closed for file in opened):
            raise PermissionError(13, "The process cannot access the file", str(path))
        real(path, **options)

    monkeypatch.setattr(builtins, "open", remember)
    monkeypatch.setattr(Path, "unlink", unlink)
    (found,) = find_dumps(["-"], spool, Breaking())

    assert opened
    assert "cannot read standard input: Input/output error" in found.error.what
    assert not list(Path(spool.folder()).iterdir())
