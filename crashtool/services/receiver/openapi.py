"""The receiver's OpenAPI document: what a client may send, and what a program may ask."""

from __future__ import annotations

from typing import Any

from crashtool.services.receiver.ingest import FORMATS

ROW = {
    "type": "object",
    "required": ["id", "rxid", "received", "format", "group", "headline", "url"],
    "properties": {
        "id": {"type": "integer"},
        "rxid": {"type": "string"},
        "received": {"type": "string", "format": "date-time"},
        "format": {"type": "string"},
        "product": {"type": "string"},
        "version": {"type": "string"},
        "headline": {"type": "string"},
        "signature": {"type": "string"},
        "group": {"type": "string"},
        "symbols": {"type": "string", "enum": ["", "none", "incomplete", "complete"]},
        "has_notes": {"type": "boolean"},
        "size": {"type": "integer"},
        "url": {"type": "string"},
    },
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "code"],
            "properties": {"message": {"type": "string"}, "code": {"type": "integer"}},
        }
    },
}
ACCEPTED = {
    "type": "object",
    "required": ["response", "_rxid"],
    "properties": {"response": {"const": "ok"}, "_rxid": {"type": "string"}},
}
NAME = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_.-]+$"}
EXPORTS = ["groups.csv", "groups.json", "reports.csv", "reports.json"]
FORMAT = {"type": "string", "enum": sorted(FORMATS)}
REFUSALS = {
    "400": "malformed: no minidump, an unknown format, a broken body",
    "403": "wrong token, or one of the wrong kind",
    "413": "larger than --max-size",
    "415": "an encoding other than gzip and deflate",
    "500": "it could not be stored",
    "503": "no format given",
}


def describe_api() -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "crashtool serve",
            "version": "1",
            "description": "Receives reports and symbols as Backtrace does; lists what arrived.",
        },
        "paths": _list_paths() | _post_paths(),
    }


def _list_paths() -> dict[str, Any]:
    """What tells of reports that have arrived."""
    rxid = _path_parameter("rxid", {"type": "string"})
    rows = {"type": "array", "items": ROW}
    reports = {
        "type": "object",
        "required": ["total", "reports", "next"],
        "properties": {
            "total": {"type": "integer"},
            "reports": rows,
            "next": {"type": ["integer", "null"]},
        },
    }
    return {
        "/api/reports": _get("Reports, the newest first", reports, _list_conditions(), bad=True),
        "/api/groups": _get(
            "Reports counted by group", _objects("groups"), _list_conditions(), bad=True
        ),
        "/api/related": _get(
            "Groups that are like one",
            _objects("related"),
            [_parameter("group", "the name of a group", {"type": "string"})],
        ),
        "/export/{name}": _get(
            "All groups or reports of a query as a file",
            None,
            [_path_parameter("name", {"type": "string", "enum": EXPORTS}), *_list_conditions()],
            bad=True,
            absent=True,
            media="*/*",
        ),
        "/api/reports/{rxid}": _get("One report", {"type": "object"}, [rxid], absent=True)
        | {"delete": _delete([rxid])},
        "/reports/{rxid}/files/{number}": _get(
            "A file of a report",
            None,
            [rxid, _path_parameter("number", {"type": "integer", "minimum": 0})],
            absent=True,
        ),
        "/api/events": _get("What arrives, as server-sent events", None, [], stream=True),
    }


def _post_paths() -> dict[str, Any]:
    """What receives."""
    return {
        "/{universe}/{token}/{format}": _post(
            [
                _path_parameter("universe", NAME),
                _path_parameter("token", NAME),
                _path_parameter("format", FORMAT),
            ]
        ),
        "/post": _post(
            [
                _parameter("format", "what is sent", FORMAT) | {"required": True},
                _parameter("token", "submission or symbol token", NAME) | {"required": True},
                _parameter("tag", "the group of symbols", NAME),
                _parameter("upload_file", "the name of a file that is the whole body", NAME),
            ]
        ),
    }


def _objects(name: str) -> dict[str, Any]:
    """A document of one list."""
    rows = {"type": "array", "items": {"type": "object"}}
    return {"type": "object", "required": [name], "properties": {name: rows}}


def _list_conditions() -> list[dict[str, Any]]:
    """What reports may be chosen by."""
    return [
        _parameter("q", "all of these words must occur", {"type": "string", "maxLength": 1000}),
        _parameter("group", "only reports of this group", {"type": "string"}),
        _parameter(
            "format",
            "only what has this format; without it no uploads of symbols",
            {"type": "string"},
        ),
        _parameter("product", "only of this product", {"type": "string", "maxLength": 1000}),
        _parameter("version", "only of this version", {"type": "string", "maxLength": 1000}),
        _parameter(
            "before",
            "only reports with smaller numbers",
            {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1},
        ),
        _parameter("limit", "at most so many", {"type": "integer", "minimum": 1, "maximum": 1000}),
    ]


def _parameter(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _path_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _answer(text: str, schema: dict[str, Any] | None, media: str = "application/json") -> Any:
    return {"description": text, "content": {media: {"schema": schema} if schema else {}}}


def _get(
    text: str,
    schema: dict[str, Any] | None,
    parameters: list[dict[str, Any]],
    *,
    bad: bool = False,
    absent: bool = False,
    stream: bool = False,
    media: str = "application/octet-stream",
) -> dict[str, Any]:
    media = "application/json" if schema else media
    answers = {"200": _answer(text, schema, "text/event-stream" if stream else media)}
    refusals = [("400", bad), ("404", absent), ("503", stream), ("401", True), ("421", True)]
    answers |= {code: _answer("refused", ERROR) for code, applies in refusals if applies}
    return {"get": {"summary": text, "parameters": parameters, "responses": answers}}


def _delete(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["deleted"],
        "properties": {"deleted": {"type": "integer"}},
    }
    answers = {"200": _answer("deleted, with its files", schema)}
    answers |= {code: _answer("refused", ERROR) for code in ("401", "403", "404", "421")}
    return {"summary": "Delete a report", "parameters": parameters, "responses": answers}


def _post(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["upload_file_minidump"],
        "properties": {"upload_file_minidump": {"type": "string", "format": "binary"}},
        "additionalProperties": {"type": "string"},
    }
    body = {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": form},
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "minLength": 1}
            },
        },
    }
    answers = {"200": _answer("accepted", ACCEPTED)}
    answers |= {code: _answer(text, ERROR) for code, text in REFUSALS.items()}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 200},
        "description": "names the request: the same once more, by this name, is stored once",
    }
    operation = {
        "summary": "Send a report or symbols",
        "parameters": [*parameters, key],
        "requestBody": body,
        "responses": answers,
    }
    return {"post": operation}
