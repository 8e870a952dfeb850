"""upload-symbols from beginning to end: find, check, then send, write or only plan."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from crashtool.errors import CannotWrite, CrashtoolError, MachineFault, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import SubmissionUrl, build_url
from crashtool.model.symbol_upload import Delivery, Survey, SymbolFile
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.inspect_files import (
    SurveyOptions,
    check_survey,
    inspect_files,
    settle_severity,
)
from crashtool.services.symbol_upload.receipt import receipt_document, write_receipt
from crashtool.services.symbol_upload.store import StoreWriter, open_target, plan_places
from crashtool.services.symbol_upload.symbol_url import find_destination
from crashtool.services.symbol_upload.upload import (
    Shipment,
    Uploader,
    plan_archives,
    plan_deliveries,
    plan_single,
    write_archives,
)
from crashtool.services.symbol_upload.upload_error import find_upload_error
from crashtool.services.symbol_upload.verify import check_receipt, read_receipt
from crashtool.services.transport.http import HttpSession

ARCHIVE_NAME = "symbols.zip"


class UploadOptions(NamedTuple):
    """What the user asked for. `max_archive_size` is in bytes; `output` and `receipt` are paths."""

    survey: SurveyOptions
    allow_empty: bool = False
    single: bool = False
    max_archive_size: int | None = None
    output: str | None = None
    receipt: str | None = None
    verify_receipt: str | None = None
    store: str | None = None
    replace: bool = False
    dry_run: bool = False
    soft_fail: str = ""
    jobs: int = 1
    no_compression: bool = False
    gzip: bool = False
    hashed: bool = False
    symbols_url: str | None = None
    universe: str | None = None
    host: str | None = None
    token: str | None = None
    tag: str | None = None
    strict: bool = False


class Network(NamedTuple):
    """How to reach the server. Times are in seconds."""

    ca_bundle: str | None = None
    insecure: bool = False
    timeout: float | None = None
    retry_for: float | None = None


class UploadEvents(Protocol):
    """Who is told how a job goes on."""

    def show_survey(self, survey: Survey) -> None:
        """The files are looked over; what follows sends them."""

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """A file of `total` bytes goes out; what it gives takes how many are done."""
        ...

    def note(self, sentence: str) -> None:
        """A try failed, and another follows; or what else a person may want to know."""

    def warn(self, sentence: str) -> None:
        """Something that this machine does not let us do, perhaps said before."""


class UploadOutcome(NamedTuple):
    """What was found, what became of it, and the error that the exit status stands for."""

    survey: Survey
    deliveries: tuple[Delivery, ...]
    error: CrashtoolError | None


def run_job(options: UploadOptions, network: Network, events: UploadEvents) -> UploadOutcome:
    """Do what the options say. UsageError before anything is read when they make no sense."""
    _check_options(options)
    destination = _find_destination(options)
    with Scratch() as scratch:
        survey = inspect_files(_survey_options(options), scratch, events.note, events.warn)
        collection = survey.collection
        if options.verify_receipt:
            gate = tuple(check_receipt(read_receipt(options.verify_receipt), collection.files))
            survey = settle_severity(survey, strict=False, severe=False, lenient=True)
            survey = survey._replace(gate=gate)
            events.show_survey(survey)
            error = find_upload_error(collection, (), allow_empty=options.allow_empty)
            return UploadOutcome(survey, (), error or check_survey(survey))
        survey = settle_severity(
            survey, strict=options.strict, severe=False, lenient=options.allow_empty
        )
        events.show_survey(survey)
        objection = check_survey(survey, judging=options.strict)
        if objection:
            return UploadOutcome(survey, (), objection)
        if survey.fault:
            events.warn(f"not all could be checked: {survey.fault.what} ({survey.fault.hint})")
        deliveries = _store(options, network, events, collection.files)
        if destination or options.output or (options.dry_run and not options.store):
            shipments = _plan(options, collection.files)
            deliveries += _deliver(options, network, events, destination, shipments)
    error = find_upload_error(collection, deliveries, allow_empty=options.allow_empty)
    if options.receipt and not options.dry_run:
        try:
            _write_receipt(options, options.receipt, destination, collection.files, deliveries)
        except CannotWrite as failure:  # what was sent must be told all the same
            error = error or failure
    return UploadOutcome(survey, deliveries, error)


def _survey_options(options: UploadOptions) -> SurveyOptions:
    written = tuple(filter(None, (options.output, options.receipt)))
    return options.survey._replace(allow_empty=options.allow_empty, passed_over=written)


def _check_options(options: UploadOptions) -> None:
    if options.output and options.single:
        raise UsageError("--output and --single cannot be combined")
    if options.gzip and not options.single:
        raise UsageError("--gzip requires --single: archives are already compressed")
    if options.single and options.max_archive_size is not None:
        raise UsageError("--max-archive-size and --single cannot be combined")
    for option, path in (("--output", options.output), ("--receipt", options.receipt)):
        if path and not os.path.isdir(Path(path).parent):  # noqa: PTH112 (this one never raises)
            raise MachineFault(f"the folder for {option} {path} does not exist")


def _find_destination(options: UploadOptions) -> SubmissionUrl | None:
    """Where to; a dry run may do without, but a destination that is given must be right."""
    is_named = options.symbols_url or options.universe or options.host
    needs_none = options.dry_run or options.store or options.verify_receipt
    if options.output or (needs_none and not is_named):
        return None
    return find_destination(
        options.symbols_url, universe=options.universe, host=options.host, token=options.token
    )


def _plan(options: UploadOptions, files: tuple[SymbolFile, ...]) -> tuple[Shipment, ...]:
    if options.single:
        return plan_single(files)
    name = Path(options.output).name if options.output else ARCHIVE_NAME
    return plan_archives(files, most=options.max_archive_size, name=name)


def _store(
    options: UploadOptions, network: Network, events: UploadEvents, files: tuple[SymbolFile, ...]
) -> tuple[Delivery, ...]:
    """Put the files into the store that was asked for, if one was."""
    if not options.store:
        return ()
    if options.dry_run:
        return plan_places(files, options.store)
    writer = StoreWriter(
        open_target(options.store, network.timeout),
        options.store,
        replace=options.replace,
        progress=events.progress,
    )
    return tuple(writer.write_all(files))


def _deliver(
    options: UploadOptions,
    network: Network,
    events: UploadEvents,
    destination: SubmissionUrl | None,
    shipments: tuple[Shipment, ...],
) -> tuple[Delivery, ...]:
    if options.dry_run or not shipments:
        return plan_deliveries(shipments)
    if destination is None:
        folder = Path(options.output or ".").parent
        return write_archives(shipments, folder, events.progress)
    with HttpSession(
        ca_bundle=network.ca_bundle,
        insecure=network.insecure,
        timeout=network.timeout,
        url=build_url(destination),
    ) as session:
        uploader = Uploader(
            destination,
            session,
            options.tag,
            network.retry_for,
            options.soft_fail,
            options.jobs,
            options.no_compression,
            bool(options.receipt or options.hashed),
            options.gzip,
            events.progress,
            events.note,
        )
        return tuple(uploader.upload(shipments))


def _write_receipt(
    options: UploadOptions,
    path: str,
    destination: SubmissionUrl | None,
    files: tuple[SymbolFile, ...],
    deliveries: tuple[Delivery, ...],
) -> None:
    document = receipt_document(
        files,
        deliveries,
        url=build_url(destination) if destination else "",
        tag=options.tag,
        time=datetime.fromtimestamp(time.time(), UTC),
    )
    write_receipt(Path(path), document)
