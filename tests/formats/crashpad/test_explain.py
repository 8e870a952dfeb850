import re
from uuid import UUID

import pytest

from crashtool.formats.crashpad.explain import explain
from crashtool.formats.crashpad.handler_rules import UploadAttempts
from crashtool.formats.crashpad.metadata import Metadata
from crashtool.formats.crashpad.settings import UPLOADS_PAUSED, new_settings

NOW = 1_790_000_000
ON = new_settings(UUID(int=1), uploads_enabled=True)
OFF = new_settings(UUID(int=1), uploads_enabled=False)
PAUSED = ON.replace(options=ON.options | UPLOADS_PAUSED)


@pytest.mark.parametrize(
    ("state", "metadata", "settings", "words"),
    [
        ("new", None, ON, "being written"),
        ("pending", None, ON, "metadata is missing"),
        ("completed", Metadata(NOW, uploaded=True), ON, "^uploaded; the server's answer"),
        ("uploading", Metadata(NOW), ON, "stuck since a handler ended"),
        ("completed", Metadata(NOW, upload_attempts=1), ON, r"failed \(1 attempt\) and is not"),
        ("completed", Metadata(NOW, upload_attempts=5), OFF, r"failed \(5 attempts\) and is not"),
        ("completed", Metadata(NOW), OFF, "disabled in settings.dat"),
        ("completed", Metadata(NOW), None, "disabled in settings.dat"),
        ("completed", Metadata(NOW), ON, "disabled at the time, or the rate limit"),
        ("pending", Metadata(NOW, upload_attempts=2), ON, r"failed \(2 attempts\); some handlers"),
        ("pending", Metadata(NOW, upload_explicitly_requested=True), OFF, "was requested"),
        ("pending", Metadata(NOW, False, 1, NOW, True), ON, "was requested"),
        ("pending", Metadata(NOW), OFF, "the next handler with a URL retires it"),
        ("pending", Metadata(NOW), None, "the next handler with a URL retires it"),
        ("pending", Metadata(NOW), PAUSED, "uploads are paused"),
        ("pending", Metadata(NOW), ON, "no handler with a URL has run"),
    ],
)
def test_a_report_says_why_it_was_or_was_not_uploaded(state, metadata, settings, words):
    assert re.search(words, explain(state, metadata, settings))


def test_a_locked_report_says_so_and_since_when():
    since = explain("pending", Metadata(NOW), ON, locked=True, locked_since=NOW)
    assert since.startswith("locked by a handler since 2026-09-21 14:13Z, or stuck")
    far = explain("pending", Metadata(NOW), ON, locked=True, locked_since=1 << 62)
    assert far.startswith("locked by a handler, or stuck")
    assert far.endswith("; the time in it is damaged")
    before = explain("pending", Metadata(NOW), ON, locked=True, locked_since=-(1 << 62))
    assert before == far
    assert "locked by a handler" in explain("pending", Metadata(NOW), ON, locked=True)


@pytest.mark.parametrize(
    ("before", "limited"), [(0, True), (3599, True), (3600, False), (-1, False)]
)
def test_an_attempt_within_the_hour_before_is_the_rate_limit(before, limited):
    attempts = UploadAttempts([NOW - before, NOW - 7200])
    said = explain("completed", Metadata(NOW), ON, attempts=attempts)
    assert ("rate limit)" in said) is limited


def test_the_rate_limit_is_not_blamed_on_a_reports_own_attempt():
    own = Metadata(NOW, last_upload_attempt=NOW - 60)
    alone, two = (UploadAttempts([NOW - 60] * count) for count in (1, 2))
    assert "rate limit)" not in explain("completed", own, ON, attempts=alone)
    assert "rate limit)" in explain("completed", own, ON, attempts=two)
    later = Metadata(NOW, last_upload_attempt=NOW + 60)
    assert "rate limit)" in explain(
        "completed", later, ON, attempts=UploadAttempts([NOW - 1, NOW + 60])
    )
