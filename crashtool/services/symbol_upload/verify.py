"""Holding files against a receipt: was this very build accepted?"""

from __future__ import annotations

import json
from typing import Any

from crashtool.errors import InputUnusable
from crashtool.formats.text_file import read_text_file
from crashtool.model.symbol_upload import PRESENT, UPLOADED, WRITTEN, GateRow, SymbolFile
from crashtool.services.symbol_upload.inventory import walk_entries

ACCEPTED = (UPLOADED, WRITTEN, PRESENT)
MAX_RECEIPT = 256 << 20  # bytes


def read_receipt(path: str) -> dict[str, str]:
    """What became of each debug id: a status. InputUnusable when it is not a receipt of ours."""
    text = read_text_file(path, largest=MAX_RECEIPT)
    try:
        return _read_statuses(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputUnusable(
            f"{path} is not a receipt of upload-symbols", hint="--receipt FILE writes one"
        ) from None


def _read_statuses(document: dict[str, Any]) -> dict[str, str]:
    by_path: dict[str, str] = {}
    for request in document["requests"]:
        for path in request["files"]:
            if by_path.get(path) not in ACCEPTED:
                by_path[str(path)] = str(request["status"])
    statuses: dict[str, str] = {}
    for file in document["files"]:
        status = by_path.get(file["path"], "not sent")
        for entry in file["objects"]:
            identifier = str(entry["debug_id"] or "")
            if statuses.get(identifier) not in ACCEPTED:
                statuses[identifier] = status
    return statuses


def check_receipt(statuses: dict[str, str], files: tuple[SymbolFile, ...]) -> list[GateRow]:
    """A row for each object of the files: whether one with its identifier was accepted."""
    rows = []
    for entry in walk_entries(files):
        status = statuses.get(entry.identifier) if entry.identifier else None
        base = GateRow(
            entry.file.name, entry.file.path, entry.object_file.architecture, entry.identifier, "ok"
        )
        if not entry.identifier:
            rows.append(base._replace(status="no_id", note="no identifier to look for"))
        elif status is None:
            rows.append(base._replace(status="missing", note="the receipt does not have it"))
        elif status not in ACCEPTED:
            rows.append(base._replace(status="missing", note=f"the receipt says: {status}"))
        else:
            rows.append(base)
    return list(dict.fromkeys(rows))
