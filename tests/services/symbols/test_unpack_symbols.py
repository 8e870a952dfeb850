"""What libraries unpack: Zstandard and 7-Zip, where they are installed."""

import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.archives import bounds
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbols.unpack_symbols import Unpacked, walk_archive
from tests.damage import attempt
from tests.synth.object_files import build_sym

SMALL = build_sym(lines=["FUNC 1 1 0 f"])
ZSTD_HEAD = b"\x28\xb5\x2f\xfd"


@pytest.fixture
def unpack(tmp_path):
    with Scratch() as folder:

        def walk(content, name="app.sym.zst"):
            path = tmp_path / name
            path.write_bytes(content)
            return [
                (row.name, Path(row.source).read_bytes())
                for row in walk_archive(str(path), content[:512], folder)
                if isinstance(row, Unpacked) or pytest.fail(row.reason)
            ]

        yield walk


def test_a_file_is_unpacked_by_the_library(unpack):
    zstandard = pytest.importorskip("zstandard")

    assert unpack(zstandard.compress(build_sym())) == [("app.sym", build_sym())]


def test_several_frames_are_one_file(unpack):
    zstandard = pytest.importorskip("zstandard")
    half = build_sym(lines=["FUNC 1 1 0 f"] * 20_000)

    packed = zstandard.compress(half) + zstandard.compress(half)

    assert unpack(packed) == [("app.sym", half + half)]


def test_damage_is_said(unpack):
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.compress(build_sym(lines=[f"FUNC {n:x} 1 0 f{n}" for n in range(20_000)]))

    with pytest.raises(InputUnusable, match="cut short"):
        unpack(packed[:-20])
    with pytest.raises(InputUnusable, match="cannot be unpacked"):
        unpack(packed[:2000] + bytes(500) + packed[2500:])


def test_without_the_library_the_extra_is_named(unpack, monkeypatch):
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(InputUnusable, match="extra 'zstd'") as caught:
        unpack(ZSTD_HEAD + bytes(60))

    assert "crashtool[zstd]" in caught.value.hint


def test_a_python_that_knows_zstandard_needs_no_library(unpack, monkeypatch):
    zstandard = pytest.importorskip("zstandard")

    class Decompressor:  # of Python 3.14
        def __init__(self, options):
            self._frame = zstandard.ZstdDecompressor(
                max_window_size=1 << options[0]
            ).decompressobj()

        def decompress(self, data):
            return self._frame.decompress(data)

    module = SimpleNamespace(
        ZstdDecompressor=Decompressor, DecompressionParameter=SimpleNamespace(window_log_max=0)
    )
    monkeypatch.setitem(sys.modules, "compression", SimpleNamespace(zstd=module))
    monkeypatch.setitem(sys.modules, "zstandard", None)

    assert unpack(zstandard.compress(build_sym())) == [("app.sym", build_sym())]


@pytest.fixture
def seven_zip(tmp_path):
    py7zr = pytest.importorskip("py7zr")

    def pack(files, **options):
        path = tmp_path / "packed.7z"
        with py7zr.SevenZipFile(path, "w", **options) as archive:
            for name, content in files.items():
                archive.writestr(content, name)
        return path.read_bytes()

    return pack


def test_a_7_zip_archive_gives_its_debug_files(unpack, seven_zip):
    packed = seven_zip({"bin/app.sym": build_sym(), "notes.txt": b"nothing", "b/app.sym": SMALL})

    assert unpack(packed, "a.7z") == [("bin/app.sym", build_sym()), ("b/app.sym", SMALL)]


def test_an_encrypted_7_zip_archive_is_said_to_be_one(unpack, seven_zip):
    with pytest.raises(pytest.fail.Exception, match=r"'app\.sym' is encrypted"):
        unpack(seven_zip({"app.sym": build_sym()}, password="secret"), "a.7z")  # noqa: S106


def test_a_7_zip_archive_out_of_all_proportion_is_not_unpacked(unpack, seven_zip, monkeypatch):
    monkeypatch.setattr(bounds, "FREE_BYTES", 1 << 16)

    with pytest.raises(InputUnusable, match="expands more than"):
        unpack(seven_zip({"app.sym": b"MODULE " + bytes(1 << 21)}), "a.7z")


def test_damage_in_a_7_zip_archive_is_said(unpack, seven_zip):
    packed = seven_zip({"app.sym": build_sym()})

    for size in range(8, len(packed), 7):
        with pytest.raises(InputUnusable):
            unpack(packed[:size], "a.7z")
    for place in range(6, len(packed), 5):
        changed = bytearray(packed)
        changed[place] ^= 0xFF
        with suppress(pytest.fail.Exception):  # a member is named that cannot be read
            found, fault = attempt(unpack, bytes(changed), "a.7z")
            assert fault or found in ([], [("app.sym", build_sym())])
