"""make-url: build, check, convert and explain submission URLs."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import probe_options, require_token, token_options
from crashtool.errors import CHECK_FAILED, CheckFailed, UsageError
from crashtool.formats.submission_url import ERROR, FORMATS, FORMS, Purpose, fix_url
from crashtool.formats.submission_url.finding import PLATFORMS, UrlFinding
from crashtool.formats.submission_url.url_parts import split_url
from crashtool.render.submission_url import (
    TEXTS,
    finding_hint,
    finding_text,
    format_annotations,
    format_url,
    url_document,
)
from crashtool.services.integration.make_url import UrlOptions, UrlOutcome, assess, make
from crashtool.services.settings.layers import read_token_file
from crashtool.services.settings.resolution import Habits

NEW_URL = ("form", "universe", "host", "port")


class UrlCommand(Command):
    """A URL that is typed may lack the universe that another form of it needs."""

    HABITS = Habits(complete=("universe",))


@click.command(cls=UrlCommand)
@click.argument("url", required=False)
@click.option("--universe", metavar="NAME", help="The universe: your subdomain at Backtrace.")
@token_options
@click.option(
    "--symbols-token",
    metavar="TOKEN",
    help="The token for symbols, proguard and sourcemap (CRASHTOOL_SYMBOLS_TOKEN).",
)
@click.option(
    "--host",
    metavar="NAME",
    help="Your own server. Default: submit.backtrace.io, or UNIVERSE.sp.backtrace.io.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Default for your own server: 6098, or 6097 with --http.",
)
@click.option("--http", "plain_http", is_flag=True, help="Use http on purpose: no TLS.")
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="hosted: /UNIVERSE/TOKEN/FORMAT; self-hosted: /post?format=...&token=...; root: / "
    "alone, with token and format as annotations.",
)
@click.option(
    "--format",
    type=click.Choice(list(FORMATS)),
    help="What will be sent. Default: the URL's own, else minidump.",
)
@click.option(
    "--platform",
    type=click.Choice(PLATFORMS),
    help="Check for what Crashpad's transport on this platform does with the URL.",
)
@click.option("--check", is_flag=True, help="Only check, and explain the URL.")
@click.option("--fix", is_flag=True, help="Print the URL with all that can be fixed.")
@click.option(
    "--probe",
    is_flag=True,
    help="Ask the URL's server for `/`, without token or report, and explain the answer.",
)
@click.option(
    "--as",
    "text_form",
    type=click.Choice([*TEXTS, "json"]),
    default="url",
    help="What to print: the URL alone (default), C++ or CMake code, a variable for a "
    "shell, or JSON.",
)
@probe_options
@click.pass_context
def command(
    context: click.Context,
    /,
    console: Console,
    *,
    url: str | None,
    check: bool,
    fix: bool,
    probe: bool,
    text_form: str,
    platform: str | None,
    ca_bundle: str | None,
    insecure: bool | None,
    timeout: float | None,
    **pieces: Any,
) -> None:
    """Build, check, convert and explain submission URLs.

    With URL (or the setting `url`): check it, and bring it into the --form, --format, --host ...
    asked for. Without: build one from --universe or --host and a token. The URL alone goes to
    stdout, whole; findings go to stderr, tokens masked. An error ends with status 4, and no URL
    is printed; warnings end with 0.

    \b
    Examples:
      crashtool make-url --universe acme --token-file token.txt
      crashtool make-url --check --platform windows "https://acme.sp.backtrace.io:6098"
      crashtool make-url --fix "submit.backtrace.io/acme/<TOKEN>/minidump/"
      crashtool make-url "$CRASHTOOL_URL" --format symbols --symbols-token "$SYMBOLS_TOKEN"
      crashtool make-url "$CRASHTOOL_URL" --form self-hosted --as cpp
      crashtool make-url --probe "$CRASHTOOL_URL"
    """  # noqa: D301 (\b is click's)
    console.json = console.json or text_form == "json"
    if not check:
        require_token(url)
    wishes = _read_wishes(context, pieces)
    purpose = Purpose(platform or "", "", wishes.plain_http, wishes.token, wishes.symbols_token)
    if check or fix:
        _refuse_conversion(wishes, "--check" if check else "--fix")
        purpose = purpose._replace(format=wishes.format, token=wishes.flagged or wishes.token)
        outcome = assess(_get_url(url), purpose, fix=fix)
    else:
        outcome = make(url, wishes, purpose)
    if not console.json:
        _say(console, outcome, explained=check)
    answer = None
    if probe:
        outcome, answer = _probe(console, outcome, ca_bundle, bool(insecure), timeout)
    failed = any(finding.severity == ERROR for finding in outcome.findings)
    if console.json:
        console.document(_document(outcome, purpose, answer))
    elif fix or not failed:
        console.answer(TEXTS[text_form](outcome.text, outcome.reading))
    if failed:
        context.exit(CHECK_FAILED)


def _read_wishes(context: click.Context, pieces: dict[str, Any]) -> UrlOptions:
    named = frozenset(
        name
        for name in context.params
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE
    )
    if {"token", "token_file"} <= named:
        raise UsageError("--token and --token-file both give the token", hint="choose one")
    token = pieces["token"] or ""
    if pieces["token_file"] and ("token_file" in named or not token):
        token = read_token_file(pieces["token_file"])
    flagged = token if named & {"token", "token_file"} else ""
    return UrlOptions(
        named,
        pieces["form"] or "",
        pieces["format"] or "",
        pieces["universe"] or "",
        pieces["host"] or "",
        pieces["port"],
        pieces["plain_http"],
        flagged,
        "" if flagged else token,
        pieces["symbols_token"] or "",
    )


def _refuse_conversion(wishes: UrlOptions, option: str) -> None:
    unfit = [f"--{name}" for name in NEW_URL if name in wishes.named]
    if unfit:
        raise UsageError(
            f"{option} cannot be combined with {' and '.join(unfit)}",
            hint=f"leave {option} out: a new URL is checked in any case",
        )


def _get_url(url: str | None) -> str:
    if url is None:
        raise UsageError("no URL given", hint="give one, or set CRASHTOOL_URL")
    return url


def _probe(
    console: Console,
    outcome: UrlOutcome,
    ca_bundle: str | None,
    insecure: bool,
    timeout: float | None,
) -> tuple[UrlOutcome, Any]:
    """Ask the server; a redirect is one more finding. Nothing is asked if no server is named."""
    if outcome.reading is None:
        console.note("not probed: the URL does not say which server to ask")
        return outcome, None
    from crashtool.services.transport.http import HttpSession
    from crashtool.services.transport.probe import find_redirect, probe_server

    if insecure:
        console.warn_of_insecurity()
    with HttpSession(ca_bundle=ca_bundle, insecure=insecure, timeout=timeout) as session:
        answer = probe_server(session, split_url(outcome.text))
    console.note(answer.sentence)
    redirect = find_redirect(answer)
    reported = {finding.rule for finding in outcome.findings}
    if redirect is not None and redirect.rule not in reported:
        outcome = outcome._replace(findings=(*outcome.findings, redirect))
        if not console.json:
            console.error(_as_error(redirect))
    return outcome, answer._asdict() | {"sentence": answer.sentence}


def _say(console: Console, outcome: UrlOutcome, *, explained: bool) -> None:
    for finding in outcome.findings:
        if finding.severity == ERROR:
            console.error(_as_error(finding))
        else:
            console.warn(finding_text(finding), hint=finding_hint(finding))
    for finding in outcome.mended:
        console.note(f"fixed: {finding.rule}: {finding.cause}")
    if outcome.reading is not None:
        for line in format_url(outcome.reading) if explained else []:
            console.note(line)
        for line in format_annotations(outcome.reading):
            console.note(line)


def _as_error(finding: UrlFinding) -> CheckFailed:
    return CheckFailed(finding_text(finding), hint=finding_hint(finding))


def _document(outcome: UrlOutcome, purpose: Purpose, answer: Any) -> dict[str, Any]:
    corrected = fix_url(outcome.text, purpose)
    document = url_document(outcome.text, outcome.reading, outcome.findings, corrected)
    document["mended"] = [finding._asdict() for finding in outcome.mended]
    return document | ({"probe": answer} if answer else {})
