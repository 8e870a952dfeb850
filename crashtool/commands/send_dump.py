"""crashtool send-dump: send minidumps to Backtrace, as crashpad_handler would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import RESOLVED, Command
from crashtool.commands.console import Console
from crashtool.commands.options import (
    annotation_options,
    network_options,
    require_token,
    token_options,
)
from crashtool.commands.send_job import Job
from crashtool.errors import UsageError
from crashtool.formats.attributes import parse_attachment, parse_pair
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import FLAG, read_token_file, user_state_folder

if TYPE_CHECKING:
    from crashtool.services.scrub.secret_spans import Finder
    from crashtool.services.sending.journal import Journal
    from crashtool.services.sending.pace import Pace
    from crashtool.services.sending.request import SendPlan
    from crashtool.services.sending.sender import Sender
    from crashtool.services.transport.http import HttpSession


class SendDumpOptions(NamedTuple):
    """The options of one call, as click and the settings give them; times in seconds."""

    url: str | None
    universe: str | None
    host: str | None
    token: str | None
    token_file: str | None
    annotations: tuple[str, ...] | None
    attachments: tuple[str, ...] | None
    sync: bool
    faulting_thread: int | None
    no_gzip: bool
    raw: bool
    jobs: int
    rate: str | None
    watch: bool
    again: bool
    journal: str | None
    scrub: tuple[str, ...]
    without_consent: bool
    dry_run: bool
    retry_for: float | None
    timeout: float | None
    insecure: bool | None
    ca_bundle: str | None


@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--url", help="The submission URL (CRASHTOOL_URL).")
@click.option("--universe", metavar="NAME", help="Your subdomain at Backtrace, instead of --url.")
@click.option("--host", metavar="NAME", help="Your own server, instead of --universe.")
@token_options
@annotation_options
@click.option("--sync", is_flag=True, help="Wait until the report is processed (_mod_sync).")
@click.option(
    "--faulting-thread",
    type=int,
    metavar="TID",
    help="The thread that crashed, for a dump without an exception (_mod_faulting_tid).",
)
@click.option("--no-gzip", is_flag=True, help="Send the body as it is, with its length.")
@click.option("--raw", is_flag=True, help="Send the bare minidump instead of a form.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    help="How many minidumps to send at once.",
)
@click.option(
    "--rate",
    metavar="N/UNIT",
    help="Send no more reports than this: 5/s, 10/m or 100/h.",
)
@click.option(
    "-w",
    "--watch",
    is_flag=True,
    help="Keep running, and send what arrives in the folders or databases, until Ctrl-C or "
    "SIGTERM.",
)
@click.option("--again", is_flag=True, help="Also send what the server has accepted before.")
@click.option(
    "--journal",
    type=click.Path(),
    metavar="FILE",
    help="Where accepted minidumps are remembered, by hash "
    "(default: sent.jsonl in the user's state folder).",
)
@click.option(
    "--scrub",
    multiple=True,
    metavar="WHAT",
    help="Send a copy in which this is overwritten: environment, secrets, or strings=REGEX. "
    "Repeatable; stacks stay readable, and so do numbers in variables.",
)
@click.option(
    "--without-consent",
    is_flag=True,
    help="Send what a Crashpad database holds although uploads are disabled in it.",
)
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Show the exact request instead of sending it: offline, no token needed.",
)
@network_options
def command(console: Console, paths: tuple[str, ...], **values: Any) -> None:
    """Send minidumps to Backtrace, as crashpad_handler would.

    PATH is a minidump, a folder, a glob pattern or - for standard input; packed files, archives and
    saved upload bodies are opened (of a body, fields and files are sent along). Of a Crashpad
    database, the folder that the handler was given, what was never uploaded is sent, with its
    attachments, and marked in it as sent.

    The dump's own annotations go as form fields, with the handler's precedence; --annotation wins
    over them. A report counts as sent only when the server says so; its crash id is printed.
    Outages are retried. What was accepted before at the same URL, with the same annotations and
    attachments, is skipped.

    With --watch each receipt is a line of its own, with --json a JSON document; an outage ends
    nothing, a refused token does.

    \b
    Examples:
      crashtool send-dump --url "$CRASHTOOL_URL" crash.dmp
      crashtool send-dump --dry-run --attachment game.log crash.dmp
      crashtool send-dump --scrub environment --scrub 'strings=/home/[^/]+' crash.dmp
      crashtool send-dump --json ~/.local/share/game/crashpad
      crashtool send-dump --watch --rate 10/m /var/lib/game/crashpad

    Exit status: 0 when all were accepted, 3 for a file that is not a minidump, 4 for a URL that
    cannot work, 5 for a refused token, 6 for another refusal, 7 for an outage, 8 when only some
    failed.
    """  # noqa: D301 (\b is click's)
    options = SendDumpOptions(**values)
    if not paths:
        raise UsageError(
            "no minidump given", hint="crashtool send-dump PATH..., or - for standard input"
        )
    if options.watch and options.dry_run:
        raise UsageError("--watch and --dry-run cannot be combined")
    if options.insecure and not options.dry_run:
        console.warn_of_insecurity()
    job = Job(console, dry=options.dry_run)
    sender = _make_sender(options, _make_plan(console, options), job)
    if options.watch:
        job.watch(sender, paths)
    else:
        job.run(sender, paths)


def _make_sender(options: SendDumpOptions, plan: SendPlan, job: Job) -> Sender:
    from crashtool.services.sending.send_options import SendOptions
    from crashtool.services.sending.sender import Sender

    dry = options.dry_run
    return Sender(
        plan,
        None if dry else _open_session(options, plan.url),
        job,
        SendOptions(
            retry_for=options.retry_for,
            again=options.again,
            digests=job.console.json,
            jobs=1 if dry else options.jobs,
            scrub=_make_finders(options.scrub),
            without_consent=options.without_consent,
        ),
        journal=None if dry else _open_journal(options.journal),
        pace=_make_pace(options.rate),
    )


def _make_finders(wishes: tuple[str, ...]) -> tuple[Finder, ...]:
    if not wishes:
        return ()
    from crashtool.services.scrub.secret_spans import parse_wish

    return tuple(parse_wish(text) for text in wishes)


def _make_pace(rate: str | None) -> Pace | None:
    if not rate:
        return None
    from crashtool.services.sending.pace import parse_rate

    return parse_rate(rate)


def _open_session(options: SendDumpOptions, url: str) -> HttpSession:
    from crashtool.services.transport.http import HttpSession

    return HttpSession(
        ca_bundle=options.ca_bundle,
        insecure=bool(options.insecure),
        timeout=options.timeout,
        url=url,
    )


def _open_journal(path: str | None) -> Journal:
    from crashtool.services.sending.journal import Journal

    return Journal(Path(path) if path else user_state_folder() / "sent.jsonl")


def _make_plan(console: Console, options: SendDumpOptions) -> SendPlan:
    from crashtool.services.sending.report_url import (
        find_login,
        find_report_url,
        make_sample_url,
        refuse_other_token,
    )
    from crashtool.services.sending.request import SendPlan

    require_token(options.url)
    token = options.token
    if options.token_file and not token:
        token = read_token_file(options.token_file)
    if options.url and _are_given_together():
        refuse_other_token(options.url, token)
    if options.dry_run and not (options.url or token):
        url = make_sample_url(options.universe, options.host)
    else:
        url = find_report_url(
            options.url,
            universe=options.universe,
            host=options.host,
            token=token,
            warn=console.warn,
        )
    return SendPlan(
        url,
        tuple(parse_pair(text) for text in options.annotations or ()),
        tuple(parse_attachment(text) for text in options.attachments or ()),
        gzip=not options.no_gzip,
        raw=options.raw,
        sync=options.sync,
        faulting_thread=options.faulting_thread,
        login=find_login(url, token),
    )


def _are_given_together() -> bool:
    """Whether the token was typed, or comes from where the URL comes from."""
    values = click.get_current_context().meta[RESOLVED]
    token = values["token"] if values["token"].value else values["token_file"]
    return token.layer in (FLAG, values["url"].layer)
