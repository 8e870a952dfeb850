"""Uploading debug files: archives or single files, one request each, with a truthful account."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from crashtool.errors import (
    CrashtoolError,
    InputUnusable,
    NetworkFailure,
    Refused,
    Rejected,
    SetupFailure,
    UsageError,
)
from crashtool.formats import object_kinds
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model import symbol_upload as model
from crashtool.model.symbol_upload import Delivery, SymbolFile
from crashtool.services.files.whole_file import open_whole
from crashtool.services.symbol_upload.archive import (
    SymbolFileBody,
    ZipBody,
    plan_members,
    split_files,
)
from crashtool.services.symbol_upload.symbol_url import request_url
from crashtool.services.transport.reply import read_reply
from crashtool.services.transport.retry import with_retries
from crashtool.services.transport.upload_body import CountedBody, GzipBody
from crashtool.services.workers.thread_pool import share_in_order

if TYPE_CHECKING:
    from crashtool.formats.submission_url import SubmissionUrl
    from crashtool.services.transport.http import Body, HttpResponse, HttpSession

SINGLE_KINDS = (object_kinds.PDB, object_kinds.PE, object_kinds.SYM)
ARCHIVE_TYPE, FILE_TYPE = "application/zip", "application/octet-stream"
TOO_LARGE, TOO_MANY_REQUESTS = 413, 429
NETWORK, SERVER, ALL = OUTAGES = ("network", "server", "all")

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Shipment(NamedTuple):
    """What one request carries, or one archive on disk holds: its name and the files."""

    name: str
    files: tuple[SymbolFile, ...]
    single: bool = False

    @property
    def size(self) -> int:
        """The bytes of the files, before compression."""
        if self.single:
            return self.files[0].size
        return sum(member.size for member in plan_members(self.files))

    @property
    def paths(self) -> tuple[str, ...]:
        """The files as the user knows them."""
        return tuple(file.path for file in self.files)

    def body(
        self,
        advance: Callable[[int], None],
        *,
        store: bool = False,
        hashed: bool = True,
        balanced: bool = False,
    ) -> ZipBody | SymbolFileBody:
        """The bytes to send or to write; with `store` nothing is compressed, with `balanced` as
        long as that is what takes longest.
        """
        if self.single:
            return SymbolFileBody(self.files[0].source, self.files[0].size, advance, hashed=hashed)
        members = plan_members(self.files)
        return ZipBody(members, advance, store=store, hashed=hashed, balanced=balanced)

    def digests(self, body: ZipBody | SymbolFileBody) -> tuple[str, ...]:
        """The SHA-256 of each file, as a body that was read to its end has them."""
        return tuple(body.digests.get(file.source, "") for file in self.files)


def plan_archives(
    files: Sequence[SymbolFile], *, most: int | None = None, name: str = "symbols.zip"
) -> tuple[Shipment, ...]:
    """The files as archives of at most `most` bytes before compression, numbered if several."""
    groups = split_files(files, most)
    stem, dot, suffix = name.rpartition(".")
    numbered = (f"{stem}-{index}{dot}{suffix}" for index in range(1, len(groups) + 1))
    names = (name,) if len(groups) == 1 else tuple(numbered)
    return tuple(Shipment(*pair) for pair in zip(names, groups, strict=True))


def plan_single(files: Sequence[SymbolFile]) -> tuple[Shipment, ...]:
    """The files one by one. UsageError when one is of a kind that goes in archives only."""
    packed = [file for file in files if file.objects[0].kind not in SINGLE_KINDS or file.layout]
    if packed:
        raise UsageError(
            f"{packed[0].path} cannot be sent with --single ({len(packed)} such): Backtrace takes "
            "ELF and Mach-O files only inside an archive",
            hint="leave --single out, or choose with --type pdb, --type pe or --type sym",
        )
    return tuple(Shipment(file.name, (file,), single=True) for file in files)


def write_archives(
    shipments: Sequence[Shipment], folder: Path, progress: Progress
) -> tuple[Delivery, ...]:
    """Write each archive into a folder instead; an existing file is replaced whole."""
    written = []
    for shipment in shipments:
        with progress(shipment.name, shipment.size) as advance:
            written.append(_write_archive(shipment, folder / shipment.name, advance))
    return tuple(written)


def _write_archive(shipment: Shipment, target: Path, advance: Callable[[int], None]) -> Delivery:
    started = time.monotonic()
    body = shipment.body(advance)
    with open_whole(target) as file:
        file.writelines(body)
    seconds = time.monotonic() - started
    return Delivery(
        str(target),
        model.WRITTEN,
        shipment.paths,
        shipment.size,
        body.sent,
        seconds,
        digests=shipment.digests(body),
    )


class Uploader(NamedTuple):
    """How to send: where to, over what, how long to try, and whom to tell.

    `progress(label, bytes)` opens a progress display and gives the function that moves it;
    `on_retry` hears why a try failed. `soft_fail` names the outages to forgive: network, server,
    or all; "" for none. `jobs` requests are under way at once. `store`: compress nothing in
    archives; `gzip`: compress single files on the way. `hashed`: tell the SHA-256 of each file.
    """

    destination: SubmissionUrl
    session: HttpSession
    tag: str | None = None
    retry_for: float | None = None
    soft_fail: str = ""
    jobs: int = 1
    store: bool = False
    hashed: bool = True
    gzip: bool = False
    progress: Progress = lambda _label, _total: nullcontext(lambda _done: None)
    on_retry: Callable[[str], None] = lambda _sentence: None

    def upload(self, shipments: Sequence[Shipment]) -> Iterator[Delivery]:
        """What became of each, in their order; after a refused token the rest is not tried."""
        refused = threading.Event()

        def deliver(shipment: Shipment) -> Delivery:
            if refused.is_set():
                return _not_tried(shipment)
            delivery = self._send(shipment)
            if delivery.error == Refused.code:
                refused.set()
            return delivery

        jobs = min(self.jobs, len(shipments)) or 1
        yield from share_in_order(deliver, shipments, jobs)

    def _send(self, shipment: Shipment) -> Delivery:
        started = time.monotonic()
        answers: list[HttpResponse] = []
        packed = _Packed(self.gzip and shipment.single)
        with self.progress(shipment.name, shipment.size) as advance:
            body = shipment.body(advance, store=self.store, hashed=self.hashed, balanced=True)
            try:
                attempts = with_retries(
                    lambda: self._post(shipment, packed.wrap(body), packed.headers),
                    retry_for=self.retry_for,
                    on_retry=self.on_retry,
                )
                answers.append(attempts.response)
                reply = read_reply(attempts.response)
            except (InputUnusable, NetworkFailure, Refused, Rejected) as error:
                seconds = time.monotonic() - started
                forgiven = self._forgives(error, answers)
                if answers and answers[-1].status == TOO_LARGE and not shipment.single:
                    error.hint = "send several smaller ones: --max-archive-size 500M"
                return _failure(shipment, error, seconds, forgiven=forgiven)
        seconds = time.monotonic() - started
        return Delivery(
            shipment.name,
            model.UPLOADED,
            shipment.paths,
            shipment.size,
            packed.sent or body.sent,
            seconds,
            reply.rxid or "",
            shipment.digests(body),
        )

    def _forgives(self, error: CrashtoolError, answers: Sequence[HttpResponse]) -> bool:
        """Whether it may well succeed later without anyone changing anything here."""
        if isinstance(error, SetupFailure):
            return False
        if answers:
            is_outage = answers[-1].status == TOO_MANY_REQUESTS or isinstance(error, NetworkFailure)
            return is_outage and self.soft_fail in (SERVER, ALL)
        return isinstance(error, NetworkFailure) and self.soft_fail in (NETWORK, ALL)

    def _post(self, shipment: Shipment, body: Body, encoding: Mapping[str, str]) -> HttpResponse:
        upload_file = shipment.name if shipment.single else ""
        url = request_url(self.destination, tag=self.tag, upload_file=upload_file)
        content_type = FILE_TYPE if shipment.single else ARCHIVE_TYPE
        return self.session.post(url, body, {"Content-Type": content_type, **encoding})


class _Packed:
    """What goes over the wire for a body: gzip, if that is `wanted`; `sent` counts its bytes."""

    def __init__(self, wanted: bool) -> None:
        self.headers = {"Content-Encoding": "gzip"} if wanted else {}
        self.sent = 0

    def wrap(self, body: Body) -> Body:
        return CountedBody(GzipBody(body), self._note) if self.headers else body

    def _note(self, done: int) -> None:
        self.sent = done


def _failure(
    shipment: Shipment, error: CrashtoolError, seconds: float, *, forgiven: bool
) -> Delivery:
    return Delivery(
        shipment.name,
        model.FAILED,
        shipment.paths,
        shipment.size,
        0,
        seconds,
        reason=error.what,
        hint=error.hint or "",
        error=error.code,
        forgiven=forgiven,
    )


def _not_tried(shipment: Shipment) -> Delivery:
    return Delivery(
        shipment.name,
        model.SKIPPED,
        shipment.paths,
        shipment.size,
        reason="not tried: the token was refused",
        error=Refused.code,
    )


def plan_deliveries(shipments: Sequence[Shipment]) -> tuple[Delivery, ...]:
    """What would be sent, for a dry run."""
    return tuple(
        Delivery(shipment.name, model.PLANNED, shipment.paths, shipment.size)
        for shipment in shipments
    )
