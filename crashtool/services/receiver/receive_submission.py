"""The part of the receiver that clients talk to: one POST, from its first byte to its answer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

from crashtool.errors import reason_of
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.receiver.admission import UNKNOWN_SECONDS, Admission
from crashtool.services.receiver.body_decoder import Decoder, MakeParser, Refusal, Sink, make_sink
from crashtool.services.receiver.faults import REDIRECTS, SLOW_SECONDS, FaultPlan, InjectedFault
from crashtool.services.receiver.guard import Guard
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.incoming import (
    Disconnected,
    Incoming,
    IncomingBody,
    Receive,
    Send,
    read_head,
)
from crashtool.services.receiver.incoming_report import IncomingReport
from crashtool.services.receiver.ingest import (
    FORBIDDEN,
    Endpoint,
    Tokens,
    answer,
    answer_later,
    check_draft,
    check_endpoint,
    error_body,
    is_synchronous,
    read_endpoint,
    settle_endpoint,
)
from crashtool.services.receiver.received_report import MINIDUMP_NAMES, StoredReport

NOT_MODIFIED, TOO_LARGE = 304, 413
INFLATERS = 4  # threads for bodies that unpack to much
# after an early no: a client hears it only if what it still sends is taken for a while
LINGER_BYTES, LINGER_SECONDS = 64 << 20, 5.0


class Exchange(NamedTuple):
    """A request that was dealt with: the status of the answer (0: none), why, and what it left."""

    status: int
    what: str
    report: StoredReport | None = None


class Transport(Protocol):
    """A connection, as asyncio has it."""

    def abort(self) -> None:
        """Reset it."""

    def close(self) -> None:
        """End it."""


class _Struck(Exception):
    """A report was read that shall come to grief."""

    def __init__(self, fault: InjectedFault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


class _NotAdmitted(Exception):
    """A request was refused whose sender is not known to have the token."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Submissions:
    """An ASGI application for POST: takes reports, symbols and later attachments."""

    def __init__(
        self,
        inbox: Inbox,
        *,
        tokens: Tokens,
        guard: Guard,
        faults: FaultPlan,
        max_size: int,
        make_parser: MakeParser,
        transports: dict[Any, Transport],
        on_exchange: Callable[[Exchange], None],
    ) -> None:
        self._inbox = inbox
        self._tokens = tokens
        self._guard = guard
        self._faults = faults
        self._max_size = max_size
        self._make_parser = make_parser
        self._transports = transports
        self._on_exchange = on_exchange
        self._closing = asyncio.Event()
        self._inflaters = ThreadPoolExecutor(INFLATERS, "crashtool-inflater")
        self._sending: set[Any] = set()  # clients whose request is not whole yet

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Deal with one request."""
        request = read_head(scope)
        body = self._body(request, receive)
        if denial := self._guard.deny_sending(request.headers):
            await self._turn_away(request, body, send, Refusal(*denial))
            return
        fault = self._faults.take()
        try:
            if fault and not (fault.takes_the_report or fault.is_per_report):
                await self._commit_fault(fault, request, body, receive, send)
                return
            try:
                exchange, reply, fault = await self._take(request, body, fault)
            except _Struck as struck:
                await self._commit_fault(struck.fault, request, body, receive, send)
                return
        except Disconnected:
            self._on_exchange(Exchange(0, "the client went away in the middle of its request"))
            return
        except _NotAdmitted as turned_away:
            await self._linger(_of_requests(fault))
            await self._turn_away(request, body, send, turned_away.refusal)
            return
        await self._linger(fault)
        content = _json(reply)
        cut = len(content) // 2 if fault and fault.kind == "truncate" else None
        # of a body beyond the bound there may be no end
        headers = {"connection": "close"} if exchange.status == TOO_LARGE else None
        await _send(send, exchange.status, content, headers, cut=cut)
        self._on_exchange(exchange)
        if cut is not None:
            await self._end(request, receive, close=True)

    async def _linger(self, fault: InjectedFault | None) -> None:
        """Be as slow as a fault wants it."""
        if fault and fault.kind == "slow":
            wait = SLOW_SECONDS if fault.seconds is None else fault.seconds
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait)

    def close(self) -> None:
        """End the connections that are not about to get an answer."""
        self._closing.set()
        self._inflaters.shutdown(wait=False)
        for client in tuple(self._sending):
            if transport := self._transports.get(client):
                transport.abort()

    async def _take(
        self, request: Incoming, body: IncomingBody, fault: InjectedFault | None
    ) -> tuple[Exchange, dict[str, Any], InjectedFault | None]:
        """Take a report in; the exchange, the answer, and the fault that this request has.

        _Struck for one that takes no report.
        """
        draft = None
        endpoint = read_endpoint(request.path, request.query)
        admission = Admission(endpoint, self._tokens)
        try:
            check_endpoint(endpoint, self._tokens)
            admission.is_open = admission.is_open or bool(endpoint.token)
            if (
                request.target is not None and admission.is_open
            ):  # to others nothing tells what there is
                await asyncio.to_thread(self._find_target, request.target)
            draft = self._inbox.start_draft()
            await self._read_body(request, endpoint, draft, body, admission)
            fault = await self._settle_fault(fault, draft)
            keep = self._keep if request.target is None else self._keep_later
            return *await keep(request, endpoint, draft), fault
        except Refusal as refusal:
            if not admission.is_open:
                raise _NotAdmitted(refusal) from None
            if "100-continue" not in request.headers.get("expect", "").lower():
                await body.drain()
            return *_refused(refusal.status, refusal.message), _of_requests(fault)
        except (OSError, sqlite3.Error) as error:  # such as a full disk
            await body.drain()
            reason = f"cannot store the report: {reason_of(error)}"
            return *_refused(500, reason), _of_requests(fault)
        finally:
            if draft:
                draft.discard()

    async def _settle_fault(
        self, fault: InjectedFault | None, draft: IncomingReport
    ) -> InjectedFault | None:
        """The fault of a request whose report is known; _Struck for one that takes no report."""
        if fault is None or not fault.is_per_report:
            return fault
        if not self._faults.strikes(fault, await asyncio.to_thread(draft.digest)):
            return None
        if not fault.takes_the_report:
            raise _Struck(fault)
        return fault

    async def _read_body(
        self,
        request: Incoming,
        endpoint: Endpoint,
        draft: IncomingReport,
        body: IncomingBody,
        admission: Admission,
    ) -> None:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_size:
            raise Refusal(TOO_LARGE, f"the body is larger than {self._max_size} bytes")
        encoding = request.headers.get("content-encoding", "").strip().lower()
        decoder = Decoder(encoding, self._max_size)
        content_type = request.headers.get("content-type", "")
        name = _raw_name(endpoint, dict(request.query))
        sink = make_sink(draft, content_type, self._make_parser, name, admission)
        patience = asyncio.timeout(None if admission.is_open else UNKNOWN_SECONDS)
        try:
            async with patience:
                while (data := await body.next()) is not None:
                    await self._decode(decoder, data, sink)
                    if admission.is_open:
                        patience.reschedule(None)
        except TimeoutError:
            raise Refusal(FORBIDDEN, "invalid token: none has come in time") from None
        decoder.finish()
        sink.finish()

    async def _decode(self, decoder: Decoder, data: bytes, sink: Sink) -> None:
        """Hand the next bytes on; what unpacks to much is no work for the loop that serves all."""
        blocks = decoder.decode(data)
        for block in blocks:
            sink.write(block)
            if decoder.is_behind:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._inflaters, _write_all, blocks, sink)

    async def _keep(
        self, request: Incoming, endpoint: Endpoint, draft: IncomingReport
    ) -> tuple[Exchange, dict[str, Any]]:
        endpoint, notes = settle_endpoint(endpoint, draft, self._tokens)
        notes += check_draft(endpoint, draft)
        report = await asyncio.to_thread(
            self._inbox.keep,
            draft,
            format=endpoint.format,
            universe=endpoint.universe,
            client=request.headers.get("user-agent", ""),
            query=[(name, value) for name, value in request.query if name != "token"],
            notes=tuple(notes),
            name=request.headers.get("idempotency-key", ""),
        )
        if is_synchronous(report):
            reply = await asyncio.to_thread(answer, self._inbox, report)
        else:
            reply = answer(self._inbox, report)
        if report.rxid != draft.folder.name:
            return Exchange(200, f"{endpoint.format}, received before"), reply
        return Exchange(200, endpoint.format, report), reply

    def _find_target(self, key: str) -> StoredReport:
        report = self._inbox.find(key)
        if report is None:
            raise Refusal(400, "no such object")
        return report

    async def _keep_later(
        self, request: Incoming, endpoint: Endpoint, draft: IncomingReport
    ) -> tuple[Exchange, dict[str, Any]]:
        settle_endpoint(
            endpoint._replace(format=endpoint.format or "minidump"), draft, self._tokens
        )
        target = await asyncio.to_thread(self._find_target, request.target or "")
        if not draft.files:
            raise Refusal(400, "no attachment in the request")
        name = dict(request.query)["attachment_name"].encode("utf-8", "surrogateescape")
        draft.files[0].filename = name
        report = await asyncio.to_thread(self._inbox.keep_later, target, draft)
        return Exchange(200, "attachment", report), answer_later(report)

    async def _turn_away(
        self, request: Incoming, body: IncomingBody, send: Send, refusal: Refusal
    ) -> None:
        """Say no before the body has been taken, so that the client hears it, and end."""
        content = _json(error_body(refusal.status, refusal.message))
        await _send(send, refusal.status, content, {"connection": "close"}, more=True)
        with suppress(Disconnected, TimeoutError):
            if "100-continue" not in request.headers.get("expect", "").lower():
                async with asyncio.timeout(LINGER_SECONDS):
                    await body.drain(LINGER_BYTES)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        self._on_exchange(Exchange(refusal.status, refusal.message))

    async def _commit_fault(
        self,
        fault: InjectedFault,
        request: Incoming,
        body: IncomingBody,
        receive: Receive,
        send: Send,
    ) -> None:
        if fault.kind == "reset":
            await body.next()
            self._connection(request).abort()
            self._on_exchange(Exchange(0, "fault: connection reset"))
            return
        await body.drain()
        if fault.kind in ("hang", "close"):
            self._on_exchange(Exchange(0, f"fault: {fault.kind}"))
            await self._end(request, receive, close=fault.kind == "close")
            return
        status, headers, content = _fault_answer(fault)
        await _send(send, status, content, headers)
        self._on_exchange(Exchange(status, f"fault: {fault.kind}"))

    async def _end(self, request: Incoming, receive: Receive, *, close: bool) -> None:
        """Wait for a connection's end, and bring it about with `close`.

        Only then is an answer that was not finished nobody's mistake.
        """
        if close:
            self._connection(request).close()
        self._sending.add(request.client)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._sending.discard(request.client)

    def _connection(self, request: Incoming) -> Transport:
        """The client's connection; when it is gone already, the fault has happened by itself."""
        transport = self._transports.get(request.client)
        if transport is None:
            raise Disconnected
        return transport

    def _body(self, request: Incoming, receive: Receive) -> IncomingBody:
        return IncomingBody(receive, self._max_size, request.client, self._sending)


def _write_all(blocks: Iterator[bytes], sink: Sink) -> None:
    for block in blocks:
        sink.write(block)


def _raw_name(endpoint: Endpoint, query: dict[str, str]) -> tuple[str, str]:
    """How a body that is one file is called, where the client does not say."""
    if "attachment_name" in query and "object" in query:
        return "attachment", query["attachment_name"]
    given = query.get("upload_file", "")
    if endpoint.format in ("", "minidump"):
        return MINIDUMP_NAMES[0] if endpoint.format else "body", given
    return MINIDUMP_NAMES[1], given


def _of_requests(fault: InjectedFault | None) -> InjectedFault | None:
    """The fault, unless it is one of reports: what was refused is none."""
    return None if fault and fault.is_per_report else fault


def _refused(status: int, message: str) -> tuple[Exchange, dict[str, Any]]:
    return Exchange(status, message), error_body(status, message)


def _fault_answer(fault: InjectedFault) -> tuple[int, dict[str, str], bytes]:
    if fault.kind == "refuse":
        return 200, {}, _json(error_body(200, "this fault was asked for"))
    if fault.kind == "html":
        page = b"<!doctype html><title>Sign in</title><p>Sign in to use this network."
        return 200, {"content-type": "text/html; charset=utf-8"}, page
    headers = {} if fault.seconds is None else {"retry-after": f"{fault.seconds:g}"}
    if fault.status in REDIRECTS:
        headers["location"] = fault.location or "/elsewhere"
    return fault.status, headers, _json(error_body(fault.status, "this fault was asked for"))


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


async def _send(
    send: Send,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    cut: int | None = None,
    more: bool = False,
) -> None:
    """Answer; with `cut`, only so many bytes of the body that the head promises.

    With `more` the end of the answer is left to the caller, although nothing follows.
    """
    if status == NOT_MODIFIED:  # has no body by its nature
        body = b""
    head = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
    } | (headers or {})
    rows = [(name.encode(), value.encode()) for name, value in head.items()]
    await send({"type": "http.response.start", "status": status, "headers": rows})
    more = more or cut is not None
    await send({"type": "http.response.body", "body": body[:cut], "more_body": more})
