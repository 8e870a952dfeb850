"""What triage keeps of one minidump: enough to group it, and nothing of its memory."""

from __future__ import annotations

from typing import Any, Literal

from crashtool.formats.named_tuple import NamedTuple

RowStatus = Literal["ok", "no_minidump", "unreadable", "duplicate", "left_out"]


class Row(NamedTuple):
    """A minidump, by the path that its user knows.

    `digest` is of its bytes, `report_id` Crashpad's, "" without one. `written` in seconds since
    1970. `signature` to `calls` as `model.signature` says; `group` is the name that a rule of the
    user's gives, `rules` the rules that decided. `missing`: (module, identifier)
    without symbols, the innermost first. `error`: why it is unreadable, or an input that gave no
    minidump: an empty folder, a text, a path that does not exist.
    """

    path: str
    status: RowStatus = "ok"
    digest: str = ""
    report_id: str = ""
    written: int | None = None
    product: str = ""
    version: str = ""
    os: str = ""
    signature: str = ""
    kind: str = ""
    quality: str = "none"
    calls: tuple[str, ...] = ()
    group: str = ""
    module: str = ""
    rules: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    error: str = ""

    @property
    def function(self) -> str:
        """The innermost call that counts."""
        return self.calls[0] if self.calls else ""

    def find(self, key: str) -> str:
        """The value of product, version, os, class, module or an annotation; "" without one."""
        if key in PLAIN_KEYS:
            value = getattr(self, PLAIN_KEYS[key])
            return value if isinstance(value, str) else ""
        return dict(self.annotations).get(key.removeprefix("annotation."), "")


PLAIN_KEYS = {
    "product": "product",
    "version": "version",
    "os": "os",
    "class": "kind",
    "module": "module",
}


def row_document(row: Row) -> dict[str, Any]:
    """A row as a JSON object, its keys in the order of the class."""
    return {
        "path": row.path,
        "status": row.status,
        "digest": row.digest or None,
        "report_id": row.report_id or None,
        "written": row.written,
        "product": row.product or None,
        "version": row.version or None,
        "os": row.os or None,
        "signature": row.signature or None,
        "class": row.kind or None,
        "quality": row.quality,
        "frames": list(row.calls),
        "group": row.group or None,
        "module": row.module or None,
        "rules": list(row.rules),
        "missing": [list(pair) for pair in row.missing],
        "annotations": dict(row.annotations),
        "error": row.error or None,
    }


def parse_row(document: dict[str, Any]) -> Row:
    """The row of such an object. KeyError, TypeError or ValueError when it is none."""
    return Row(
        path=str(document["path"]),
        status=document["status"],
        digest=document["digest"] or "",
        report_id=document["report_id"] or "",
        written=document["written"],
        product=document["product"] or "",
        version=document["version"] or "",
        os=document["os"] or "",
        signature=document["signature"] or "",
        kind=document["class"] or "",
        quality=document["quality"],
        calls=tuple(map(str, document["frames"])),
        group=document["group"] or "",
        module=document["module"] or "",
        rules=tuple(map(str, document["rules"])),
        missing=tuple((str(name), str(identifier)) for name, identifier in document["missing"]),
        annotations=tuple(document["annotations"].items()),
        error=document["error"] or "",
    )
