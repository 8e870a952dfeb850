"""Replies as what starlette and uvicorn send: texts, parts of files, whole files by threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from email.utils import formatdate, parsedate_to_datetime
from io import FileIO
from pathlib import Path
from typing import Any

from crashtool.services.receiver.file_stream import FileStream
from crashtool.services.receiver.site import HEADERS, PageReply

FILE_BLOCK = 1 << 20  # bytes of a file that a thread reads at once; starlette has 64 KiB
SMALL_FILE = 1 << 18
BLOCK = 1 << 18  # bytes of a part
NOT_MODIFIED = 304
KEPT = ("etag", "last-modified", "cache-control")  # what 304 says again


def make_response(
    reply: PageReply, asked: Mapping[str, str] | None = None, method: str = "GET"
) -> Any:
    """What to send; `asked` are the headers of a request that may know the file already."""
    from starlette.responses import FileResponse, Response, StreamingResponse

    headers = {**HEADERS, **reply.headers}
    if reply.file is None:
        content = reply.text.encode("utf-8", "backslashreplace")
        return Response(content, reply.status, headers=headers, media_type=reply.media_type)
    state = reply.file.stat()
    response: Any
    if reply.part is None:
        response = FileResponse(
            reply.file,
            reply.status,
            headers,
            media_type=reply.media_type,
            filename=reply.filename or None,
            stat_result=state,
        )
        response.chunk_size = FILE_BLOCK
        if asked is not None and state.st_size <= SMALL_FILE and "range" not in asked:
            # a thread has it open already: FileResponse would go to four more
            small = Response(reply.file.read_bytes(), reply.status)
            small.raw_headers = response.raw_headers
            response = small
    else:
        headers |= _describe_part(state, *reply.part)
        body = () if method == "HEAD" else _walk_part(reply.file, *reply.part)
        response = StreamingResponse(body, reply.status, headers, media_type=reply.media_type)
    if asked is not None and _is_known(asked, response.headers):
        kept = {name: response.headers[name] for name in KEPT if name in response.headers}
        return Response(status_code=NOT_MODIFIED, headers={**HEADERS, **kept})
    return response


def _is_known(asked: Mapping[str, str], file: Mapping[str, str]) -> bool:
    """Whether a client has the file: by If-None-Match, else by If-Modified-Since (RFC 9110, 13)."""
    tags = asked.get("if-none-match")
    if tags is not None:
        etags = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return "*" in etags or file["etag"].removeprefix("W/") in etags
    with suppress(ValueError, TypeError):  # no date: as if it were not there
        since = parsedate_to_datetime(asked.get("if-modified-since", ""))
        return parsedate_to_datetime(file["last-modified"]) <= since
    return False


def _describe_part(state: os.stat_result, offset: int, size: int) -> dict[str, str]:
    """The headers of a part of a file."""
    return {
        "content-length": str(size),
        "etag": f'"{state.st_mtime_ns:x}-{offset:x}-{size:x}"',
        "last-modified": formatdate(state.st_mtime, usegmt=True),
    }


def _walk_part(path: Path, offset: int, size: int) -> Iterator[bytes]:
    """The bytes of a part, a block at a time."""
    with path.open("rb") as file:
        file.seek(offset)
        while size and (block := file.read(min(BLOCK, size))):
            size -= len(block)
            yield block


class SentFile:
    """A whole file that goes to the connection past uvicorn, which ASGI has no word for.

    h11 is told of a body of that size, so that it knows where the answer ends. `threads` send it.
    """

    def __init__(self, response: Any, transports: Mapping[Any, Any], threads: Executor) -> None:
        self._response = response
        self._transports = transports
        self._threads = threads

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, as an ASGI application."""
        transport = self._transports.get(scope["client"])
        if transport is None or transport.is_closing():
            await self._response(scope, receive, send)
            return
        import h11

        response, size = self._response, self._response.stat_result.st_size
        head = {"status": response.status_code, "headers": response.raw_headers}
        # it is there: no wait
        with open(response.path, "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123
            await send({"type": "http.response.start", **head})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            body = h11.Data(_Size(size))  # type: ignore[arg-type]  # h11's way for sendfile
            transport.get_protocol().conn.send_with_data_passthrough(body)
            is_whole = await self._send(transport, file, size)
        if not is_whole:
            transport.abort()
            return
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, transport: Any, file: FileIO, size: int) -> bool:
        """Send the body; whether the client has all of it."""
        loop = asyncio.get_running_loop()
        is_plain = transport.get_extra_info("sslcontext") is None
        is_first = transport.get_write_buffer_size() == 0  # nothing waits to be sent before it
        if not (is_plain and is_first and isinstance(loop, asyncio.SelectorEventLoop)):
            try:
                return await loop.sendfile(transport, file, 0, size) == size
            except (ConnectionError, RuntimeError):  # the client went away
                return False
        transport.pause_reading()
        try:
            with transport.get_extra_info("socket").dup() as wire:
                wire.setblocking(False)
                stream = FileStream(wire, file, size)
                return await stream.send_all(self._threads, transport.is_closing)
        finally:
            transport.resume_reading()


class _Size:
    """Stands for so many bytes, for h11."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
