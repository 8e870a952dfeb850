"""Files packed with Zstandard: by Python itself, by the library, or not at all."""

import gzip
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from crashtool.errors import InputUnusable
from crashtool.services.symbols.scratch import Scratch
from crashtool.services.symbols.unpack import walk_archive
from tests.synth.object_files import build_sym

ZSTD_HEAD = b"\x28\xb5\x2f\xfd"


@pytest.fixture
def unpack(tmp_path):
    with Scratch() as scratch:

        def walk(content, name="app.sym.zst"):
            path = tmp_path / name
            path.write_bytes(content)
            return [
                (row.name, Path(row.source).read_bytes())
                for row in walk_archive(str(path), content[:512], scratch)
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


def test_a_python_that_knows_zstandard_needs_no_library(unpack, monkeypatch, tmp_path):
    inner = tmp_path / "inner.gz"
    inner.write_bytes(gzip.compress(build_sym()))
    module = SimpleNamespace(open=lambda _: gzip.open(inner))  # noqa: SIM115 (unpack closes it)
    monkeypatch.setitem(sys.modules, "compression", SimpleNamespace(zstd=module))
    monkeypatch.setitem(sys.modules, "zstandard", None)

    assert unpack(ZSTD_HEAD + bytes(60)) == [("app.sym", build_sym())]
