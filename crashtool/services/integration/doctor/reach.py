"""url.reach: whether the server of the URL can be reached from here, asked only with --probe."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.errors import NetworkFailure, UsageError
from crashtool.formats.submission_url import parse_submission_url
from crashtool.formats.submission_url.url_parts import split_url
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.configured import find_url, read_configured
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, note, skip

OWN_STACK = (
    "The handler asks by a network stack of its own: libcurl with the certificates of its TLS "
    "library on Linux, WinHTTP with WinHTTP's proxy (netsh winhttp show proxy) on Windows."
)


def check_reach(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """One request without path, query and token."""
    options = examination.options
    configured = read_configured(subject, examination)
    url = find_url(configured)
    if not url or not options.probe:
        reason = "asks the server only with --probe" if url else "no URL is set"
        yield skip("", reason)
        return
    try:
        parse_submission_url(url)
    except UsageError as error:
        yield skip(configured.locate("url"), error.what)
        return
    from crashtool.services.transport.http import HttpSession
    from crashtool.services.transport.probe import find_redirect, probe_server

    origin = configured.locate("url")
    try:
        with HttpSession(
            ca_bundle=options.ca_bundle, insecure=options.insecure, timeout=options.timeout
        ) as session:
            answer = probe_server(session, split_url(url))
    except NetworkFailure as error:
        yield failure(
            origin,
            error.what,
            f"From here no report arrives. {OWN_STACK}",
            error.hint or "check name, port, proxy and certificate",
        )
        return
    if redirect := find_redirect(answer):
        yield failure(
            origin, redirect.cause, redirect.consequence, "use the URL that it redirects to"
        )
    else:
        yield note(origin, answer.sentence, OWN_STACK)
