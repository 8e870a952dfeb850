"""Text that people give, however their editor saved it."""

import ast
from pathlib import Path

import pytest

import crashtool
from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.text_file import decode_text, read_text_file

TEXT = "prod = 'Größe 日本'\nver = '1.2'\n"
SPELLINGS = {
    "utf-8": TEXT.encode(),
    "utf-8 with a mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "utf-16-le with a mark": b"\xff\xfe" + TEXT.encode("utf-16-le"),
    "utf-16-be with a mark": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "utf-32-le with a mark": b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"),
    "utf-32-be with a mark": b"\0\0\xfe\xff" + TEXT.encode("utf-32-be"),
    "windows line ends": TEXT.replace("\n", "\r\n").encode(),
    "windows line ends in utf-16": b"\xff\xfe" + TEXT.replace("\n", "\r\n").encode("utf-16-le"),
    "old macintosh line ends": TEXT.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("raw", SPELLINGS.values(), ids=SPELLINGS)
def test_however_it_was_saved_it_is_the_same_text(raw, tmp_path):
    (tmp_path / "file").write_bytes(raw)

    assert read_text_file(tmp_path / "file") == TEXT


@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_text_is_one(raw):
    assert decode_text(raw, "file") == ""


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"a\nb\nprod=Gr\xf6\xdfe\n", "cannot read file, line 3: not UTF-8 (byte 0xf6)"),
        (b"a\r\nb\r\n\xff", "cannot read file, line 3: not UTF-8 (byte 0xff)"),
        (b"\xef\xbb\xbfa\n\xff", "cannot read file, line 2: not UTF-8 (byte 0xff)"),
        (b"\xff\xfea\0\n\0\0\xd8b\0", "cannot read file, line 2: not UTF-16 ("),
        (b"\xff\xfea\0\n\0b", "cannot read file, line 2: not UTF-16 (truncated data)"),
        (b"ab\nc\0d", "cannot read file, line 2: a NUL: no text file"),
        (b"\0" * 64, "cannot read file, line 1: a NUL: no text file"),
        (b"MDMP\x93\xa7\0\0", "cannot read file, line 1: not UTF-8 (byte 0x93)"),
    ],
)
def test_what_is_no_text_is_named_with_its_line(raw, what):
    with pytest.raises(UsageError) as raised:
        decode_text(raw, "file", fault=UsageError)

    assert raised.value.what.startswith(what)


def test_what_cannot_be_read_is_said_without_a_number(tmp_path):
    with pytest.raises(InputUnusable, match=r"cannot read .*: Is a directory$|Permission denied$"):
        read_text_file(tmp_path)
    (tmp_path / "large").write_bytes(b"a" * 11)
    with pytest.raises(InputUnusable, match="it has more than 10 bytes"):
        read_text_file(tmp_path / "large", largest=10)


OWN_TEXTS = {  # what no person writes
    "formats/text_file.py": "the reader itself",
    "services/symbols/owners.py": "/etc/os-release",
    "services/symbols/local_places.py": "/proc",
    "services/handler/process/launch.py": "/proc",
    "services/integration/doctor/database_place.py": "/proc",
    "services/integration/scaffold.py": "the package's templates",
    "render/integration/template.py": "the package's templates",
    "services/sending/journal.py": "crashtool's own journal",
}


def find_text_reads(tree):
    """Lines that open a file as text for reading, or hand a file's bytes to a parser of text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        arguments = ast.unparse(node)
        if name == "read_text" and not isinstance(node.func, ast.Name):
            yield node.lineno
        elif name == "open":
            modes = [word.value for word in ast.walk(node) if isinstance(word, ast.Constant)]
            binary = any(isinstance(mode, str) and "b" in mode and len(mode) < 4 for mode in modes)
            writes = any(isinstance(mode, str) and mode in ("a", "w", "x") for mode in modes)
            if "encoding" in arguments and not binary and not writes:
                yield node.lineno
        elif name in ("loads", "load") and "read_bytes" in arguments:
            yield node.lineno


def test_no_other_place_opens_a_text_of_the_users():
    root = Path(crashtool.__file__).parent
    found = {
        str(path.relative_to(root).as_posix())
        for path in root.rglob("*.py")
        if any(find_text_reads(ast.parse(path.read_text(encoding="utf-8"))))
    }

    assert found - set(OWN_TEXTS) == set()


def test_the_search_for_such_places_finds_them():
    for line in ("path.read_text()", "open(p, encoding='utf-8')", "json.loads(p.read_bytes())"):
        assert list(find_text_reads(ast.parse(line))) == [1]
    for line in ("open(p, 'rb')", "open(p, 'a', encoding='utf-8')", "read_text(raw)"):
        assert not list(find_text_reads(ast.parse(line)))
