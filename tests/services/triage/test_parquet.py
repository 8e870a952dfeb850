"""Rows as a Parquet file."""

import sys

import pytest

from crashtool.errors import MissingExtra
from crashtool.model.triage.row import Row
from crashtool.services.triage import parquet as subject
from crashtool.services.triage.parquet import ParquetRows

ROWS = (
    Row(
        "b\udcff.dmp",
        digest="01",
        written=1_764_000_000,
        version="1.4",
        signature="f [memory]",
        kind="memory",
        quality="named",
        calls=("f", "g"),
        missing=(("game", "01"), ("x", "")),
        annotations=(("gpu", "Radeon"),),
    ),
    Row("c.dmp", "unreadable", error="cut"),
)


def write(path, rows=ROWS):
    with path.open("wb") as file, ParquetRows(file) as table:
        for row in rows:
            table.add(row)
    return path


def read(path):
    reader = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    return reader.read_table(path).to_pylist()


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="parquet") as fault:
        write(tmp_path / "rows")
    assert "crashtool[parquet]" in fault.value.hint or "parquet" in fault.value.hint


def test_rows_come_back_typed(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    monkeypatch.setattr(subject, "BATCH", 1)
    first, second = read(write(tmp_path / "rows"))
    assert first["path"] == "b\\udcff.dmp"
    assert first["written"].isoformat() == "2025-11-24T16:00:00+00:00"
    assert first["frames"] == ["f", "g"]
    assert first["missing"] == ["game 01", "x"]
    assert dict(first["annotations"]) == {"gpu": "Radeon"}
    assert first["class"] == "memory"
    assert (second["status"], second["error"], second["signature"]) == ("unreadable", "cut", None)


def test_the_same_rows_give_the_same_bytes_and_none_a_table(tmp_path):
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    one, other = (write(tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == other
    assert read(write(tmp_path / "empty", ())) == []
