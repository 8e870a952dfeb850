"""From a minidump to the request for it: what must not go out is overwritten, or warned of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import intern
from uuid import uuid4

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import redact_token
from crashtool.model.submission import Receipt, Scrubbed
from crashtool.services.files.scratch import Scratch
from crashtool.services.files.unwrap_dumps import DumpFile
from crashtool.services.sending.request import Request, SendPlan, make_request
from crashtool.services.sending.send_events import SendEvents
from crashtool.services.sending.send_options import SendOptions

SEARCHED = 16 << 20  # bytes of dumps in one call that are searched for secrets: half a second
MAX_SEARCHED = 40  # and dumps: one program's hold much the same


class PreparedDump(NamedTuple):
    """A minidump ready to go: its `file`, the request, by which plan, and the receipt so far."""

    file: Path
    request: Request
    plan: SendPlan
    receipt: Receipt


class Preparer:
    """Prepares the dumps of one call, of which only the first are searched for secrets."""

    def __init__(
        self, plan: SendPlan, options: SendOptions, events: SendEvents, scratch: Scratch
    ) -> None:
        self._plan = plan
        self._options = options
        self._events = events
        self._scratch = scratch
        self._unsearched, self._unsearched_dumps = SEARCHED, MAX_SEARCHED

    @contextmanager
    def prepare(self, dump: DumpFile, base: Receipt) -> Iterator[PreparedDump]:
        """The request for a minidump; a scrubbed copy, if that is sent, is removed afterwards."""
        with self._scrubbed(dump) as (sent, changes):
            plan = self._plan_for(dump)
            request = make_request(sent, plan)
            request.dump.wanted = self._options.digests
            warnings = (*request.warnings, *self._warn_of_secrets(sent.file, request.dump.size))
            receipt = base._replace(
                url=intern(redact_token(request.url)),
                fields=len(request.fields.sent),
                warnings=tuple(map(intern, warnings)),  # thousands of receipts say the same
                scrubbed=changes,
            )
            for warning in warnings:
                self._events.warn(dump.path, warning)
            self._events.show_request(dump.path, request)
            yield PreparedDump(sent.file, request, plan, receipt)

    @contextmanager
    def _scrubbed(self, dump: DumpFile) -> Iterator[tuple[DumpFile, tuple[Scrubbed, ...] | None]]:
        """The dump to send, and what was overwritten in it; None if it is no copy."""
        if not self._options.scrub:
            yield dump, None
            return
        from crashtool.services.scrub.scrubber import scrub_dump  # seldom asked for

        copy = Path(self._scratch.folder()) / f"scrubbed-{uuid4()}.dmp"
        try:
            changes = scrub_dump(dump.file, copy, self._options.scrub, dump.path)
            self._events.tell_scrubbed(dump.path, changes)
            yield dump._replace(file=copy), changes
        finally:
            copy.unlink(missing_ok=True)

    def _warn_of_secrets(self, file: Path, size: int) -> list[str]:
        """What goes out with a dump; of many dumps only the first are looked into."""
        if not self._options.scrub:
            self._unsearched -= size
            self._unsearched_dumps -= 1
            if self._unsearched < 0 or self._unsearched_dumps < 0:
                return []
        from crashtool.services.analyze.secrets import count_secrets

        counts = count_secrets(str(file))
        if not counts:
            return []
        listed = ", ".join(f"{count.kind} ({count.total})" for count in counts)
        is_scrubbed = bool(self._options.scrub)
        tail = "they stay where they are" if is_scrubbed else "--scrub secrets overwrites them"
        return [f"it holds what look like secrets: {listed}; {tail}"]

    def _plan_for(self, dump: DumpFile) -> SendPlan:
        """The plan, with the attachments that a report has of its own."""
        if not dump.attachments:
            return self._plan
        if self._plan.raw:
            self._events.warn(dump.path, "--raw does not send its attachments")
            return self._plan
        return self._plan._replace(attachments=(*dump.attachments, *self._plan.attachments))
