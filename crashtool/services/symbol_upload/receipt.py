"""The receipt of an upload: what was sent, with identifiers and hashes, for later checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from crashtool.formats.submission_url import redact_token
from crashtool.model.symbol_upload import Delivery, SymbolFile
from crashtool.services.files.whole_file import write_whole

RECEIPT_VERSION = 1


def receipt_document(
    files: Sequence[SymbolFile],
    deliveries: Sequence[Delivery],
    *,
    url: str,
    tag: str | None,
    time: datetime,
) -> dict[str, Any]:
    """The receipt: one entry for each file, and what became of the request that carried it."""
    digests = {
        path: digest
        for delivery in deliveries
        for path, digest in zip(delivery.paths, delivery.digests, strict=False)
    }
    return {
        "receipt_version": RECEIPT_VERSION,
        "time": time.isoformat(timespec="seconds"),
        "url": redact_token(url),
        "tag": tag,
        "requests": [
            {
                "name": delivery.name,
                "status": delivery.status,
                "rxid": delivery.rxid or None,
                "error": delivery.error or None,
                "reason": delivery.reason or None,
                "files": list(delivery.paths),
            }
            for delivery in deliveries
        ],
        "files": [
            {
                "path": file.path,
                "name": file.name,
                "size": file.size,
                "sha256": digests.get(file.path),
                "objects": _identifiers(file),
            }
            for file in files
        ],
    }


def _identifiers(file: SymbolFile) -> list[dict[str, str | None]]:
    return [
        {
            "debug_file": object_file.debug_file or file.name,
            "debug_id": object_file.debug_id.breakpad if object_file.debug_id else None,
            "code_id": object_file.code_id.value if object_file.code_id else None,
            "architecture": object_file.architecture,
        }
        for object_file in file.objects
    ]


def write_receipt(path: Path, document: dict[str, Any]) -> None:
    """Write it whole or not at all. CannotWrite when the place cannot be written."""
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode("ascii"))
