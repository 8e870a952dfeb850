"""Rows as a Parquet file: the only module that imports pyarrow.

The same rows give the same bytes with one version of pyarrow, whose name is in the file.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Self

from crashtool.errors import MissingExtra
from crashtool.model.triage.row import Row, row_document

BATCH = 10_000  # rows of a group: some megabytes
TEXTS = (
    "path",
    "status",
    "digest",
    "report_id",
    "product",
    "version",
    "os",
    "signature",
    "class",
    "quality",
    "group",
    "module",
    "error",
)


class ParquetRows:
    """Writes rows to a file, batch by batch. MissingExtra without pyarrow."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            import pyarrow as arrow  # noqa: ICN001 (a name that says something)
            from pyarrow import parquet
        except ImportError:
            raise MissingExtra("--parquet", "parquet") from None
        self._make_table = arrow.Table.from_pylist
        self._schema = _make_schema(arrow)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._batch: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: Row) -> None:
        """Take a row in."""
        self._batch.append(_find_values(row))
        if len(self._batch) == BATCH:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._make_table(self._batch, schema=self._schema))
        self._batch.clear()


def _make_schema(arrow: Any) -> Any:
    """Fixed, so that an empty file has it, too."""
    text = arrow.string()
    return arrow.schema(
        [
            *((name, text) for name in TEXTS),
            ("written", arrow.timestamp("s", "UTC")),
            ("frames", arrow.list_(text)),
            ("missing", arrow.list_(text)),
            ("annotations", arrow.map_(text, text)),
        ]
    )


def _find_values(row: Row) -> dict[str, Any]:
    document = row_document(row)
    return {name: _text(document[name]) for name in TEXTS} | {
        "written": row.written,
        "frames": [_text(call) for call in row.calls],
        "missing": [_text(" ".join(pair).rstrip()) for pair in row.missing],
        "annotations": [(_text(name), _text(value)) for name, value in row.annotations],
    }


def _text(value: str | None) -> str | None:
    """Parquet's texts are UTF-8; a path may be anything."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode("utf-8")
