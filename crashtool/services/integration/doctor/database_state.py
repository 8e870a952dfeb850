"""database.state: whether a database that is there lets reports out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from crashtool.formats.crashpad.database import SETTINGS as SETTINGS_FILE
from crashtool.formats.crashpad.database_report import Database
from crashtool.formats.shell_words import quote_word
from crashtool.model.doctor import DATABASE, CheckResult, Subject
from crashtool.services.database.locate_database import open_patiently
from crashtool.services.integration.doctor.configured import read_configured
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning
from crashtool.services.sending.database_reports import is_database

STALE_AFTER = 3600  # seconds; an upload takes a minute at most
MAX_NAMED = 5


def check_state(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Uploads enabled, settings whole, no lock of a handler that was killed, nothing unsent."""
    path = subject.path
    if subject.kind != DATABASE:
        path = str(read_configured(subject, examination).values.get("database") or "")
        paths = {Path(sighting.path).absolute() for sighting in examination.of_kind(DATABASE)}
        is_other = bool(path) and Path(path).absolute() not in paths
        if not is_other or not is_database(path):
            yield skip("", "no other database is set" if path else "no database is set")
            return
    yield from assess_database(open_patiently(path, now=time.time()), time.time())


def assess_database(database: Database, now: float) -> Iterator[CheckResult]:
    """What keeps reports in a database, at a Unix time."""
    shown = str(database.path)
    for problem in database.problems:
        yield warning(
            shown,
            problem,
            "What is damaged is lost to the next handler.",
            f"crashtool database list {quote_word(shown)} says more",
        )
    has_settings = (database.path / SETTINGS_FILE).exists()
    if database.settings and not database.settings.uploads_enabled:
        yield failure(
            shown,
            "uploads are off in settings.dat",
            "Nothing leaves this database.",
            "call SetUploadsEnabled(true) in the program, or: crashtool database settings "
            f"{quote_word(shown)} --uploads enabled",
        )
    elif not database.settings and not has_settings and database.reports:
        yield warning(
            shown,
            "settings.dat is missing",
            "The next handler makes a new one, with uploads off.",
            "call SetUploadsEnabled(true) in the program",
        )
    stale = [
        report
        for report in database.reports
        if report.locked and report.locked_since and now - report.locked_since > STALE_AFTER
    ]
    if stale:
        yield warning(
            shown,
            f"{_count(len(stale))} locked for more than an hour",
            "A handler was killed in the middle of an upload, as in a container that ended with "
            "the program: they are not sent for three days, and then deleted.",
            f"crashtool send-dump {quote_word(shown)} sends what waits; let the container wait "
            "for the handler",
        )
    unsent = Counter(
        report.reason
        for report in database.reports
        if not report.uploaded and report.state in ("pending", "completed") and report not in stale
    )
    for reason, count in unsent.most_common(MAX_NAMED):
        yield warning(
            shown,
            f"{_count(count)} not sent: {reason}",
            "Nobody sees these crashes.",
            f"crashtool send-dump {quote_word(shown)}",
        )


def _count(number: int) -> str:
    return f"{number} report" + (" is" if number == 1 else "s are")
