"""Submission URLs: the three forms Backtrace takes, and the rules a URL must keep.

`parts` cuts a URL at its delimiters, whatever is wrong with it. `forms` turns text into a
SubmissionUrl and back, and one form or format into another. `rules` holds the table of named rules;
the rules themselves are in the modules ending in `_rules`, one function each. Where the secret in
a URL must not be shown: redact_token.
"""

from __future__ import annotations

from crashtool.formats.redaction import redact_token
from crashtool.formats.submission_url.finding import ERROR, WARNING, Purpose, UrlFinding
from crashtool.formats.submission_url.url_forms import (
    FORMATS,
    FORMS,
    SubmissionUrl,
    build_url,
    convert,
    new_submission_url,
    parse_submission_url,
    token_kind,
)
from crashtool.formats.submission_url.url_rules import RULES, check_url, fix_url

__all__ = [
    "ERROR",
    "FORMATS",
    "FORMS",
    "RULES",
    "WARNING",
    "Purpose",
    "SubmissionUrl",
    "UrlFinding",
    "build_url",
    "check_url",
    "convert",
    "fix_url",
    "new_submission_url",
    "parse_submission_url",
    "redact_token",
    "token_kind",
]
