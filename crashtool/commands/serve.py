"""crashtool serve: a local receiver that answers as Backtrace does."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.temporary_folder import list_endings
from crashtool.services.settings.layers import read_token_file

if TYPE_CHECKING:
    from crashtool.services.receiver.app import Receiver
    from crashtool.services.receiver.receive_submission import Exchange

LOOPBACK_NAMES = ("127.0.0.1", "::1", "localhost")


class ServeOptions(NamedTuple):
    """The options of one call."""

    folder: str
    port: int
    address: str
    names: tuple[str, ...]
    serve_token: str | None
    serve_token_file: str | None
    symbol_token: str | None
    faults: tuple[str, ...]
    certificate: str | None
    key: str | None
    max_size: int
    sources: tuple[str, ...]
    symbol_servers: tuple[str, ...] | None
    stop_after: int | None


@click.command(cls=Command)
@click.option(
    "--folder",
    type=click.Path(),
    default="crashtool-inbox",
    show_default=True,
    metavar="DIR",
    help="Keep what arrives in this folder.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=6097,
    show_default=True,
    help="Listen on this port; 0 takes a free one. 6097 is Backtrace's own for http.",
)
@click.option(
    "--host",
    "address",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Listen on this address. Any address but loopback can be reached by other machines.",
)
@click.option(
    "--served-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="On loopback, also answer to this host name: one of /etc/hosts, or of a proxy. "
    "Repeatable.",
)
@click.option(
    "--token",
    "serve_token",
    metavar="TOKEN",
    help="Accept only this submission token, and open the inbox with it alone. Without it, accept "
    "every token. The printed URL contains it; CRASHTOOL_SERVE_TOKEN sets it, too.",
)
@click.option(
    "--token-file",
    "serve_token_file",
    type=click.Path(),
    metavar="FILE",
    help="Read that token from this file.",
)
@click.option(
    "--symbols-token",
    "symbol_token",
    metavar="TOKEN",
    help="The same for symbols. Default: --token.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:COUNT[/report]][@SECONDS]",
    help="Inject a fault; see below. Repeatable: one after the other.",
)
@click.option(
    "--certificate",
    type=click.Path(),
    metavar="FILE",
    help="Speak TLS with this certificate: PEM, with its private key or --key.",
)
@click.option("--key", type=click.Path(), metavar="FILE", help="The certificate's private key.")
@click.option(
    "--max-size",
    type=ByteSize(),
    default="2G",
    show_default=True,
    metavar="SIZE",
    help="Refuse bodies larger than this, packed or unpacked: 500M, 2G.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Also give debuggers source files, from this folder alone. Repeatable.",
)
@click.option(
    "--symbol-server",
    "symbol_servers",
    multiple=True,
    metavar="URL",
    help="Ask this symbol server for what was not uploaded, once, and keep what it has. "
    "Repeatable. symstore:, breakpad:, ssqp:, debuginfod: or build-id: before the URL says how it "
    "is laid out.",
)
@click.option(
    "--stop-after",
    type=click.IntRange(min=1),
    metavar="N",
    help="End with status 0 once N reports have arrived.",
)
def command(console: Console, **values: Any) -> None:
    """Receive reports locally, answering as Backtrace does.

    The first line on stdout is the URL to give to a handler, to send-dump or to StartHandler; each
    request is one line on stderr. Open the host's root in a browser for the inbox. Reports
    stay in the folder: what was answered with 200 is there even after a kill.

    \b
    Every form of Backtrace's URLs is served:
      /<universe>/<token>/<format>
      /post?format=<format>&token=<token>     and /api/post, //post
      /                                       token and format as annotations
      ?object=<rxid>&attachment_name=<name>   attaches to a report that is there
    Without --token, a minidump may also be posted to any other path. With it, token and format
    are checked as Backtrace checks them: 403 for a wrong token, 503 for a missing format.
    What comes again with the same header Idempotency-Key, because its answer was lost, is stored
    once; crashtool sends that header.

    The symbols that were uploaded are given back to debuggers: the receiver answers as debuginfod,
    as a symbol server of Windows (symsrv, SSQP), and by the paths of Breakpad and Tecken. With
    --token the URL for them is http://HOST/symbols/TOKEN. What --symbol-server sends is given on
    only if it is the file that was asked for, by the identifiers in it; that one has no such file
    is believed for ten minutes.

    What a web page of another site asks a browser to send or to read here is refused, and on
    loopback every host name but its own. With --token a browser asks for it: as the password, with
    any user name.

    \b
    Faults, for the first COUNT requests (default: all), with COUNT/report for the first
    requests of each report, which is known again by its files, or with %PERCENT by chance:
      429, 500, 503 …        answer with this status; @SECONDS becomes Retry-After
      302, 307=URL …         redirect, to URL if it is given
      hang      read the request and never answer
      reset     reset the connection while the client is sending
      close     read the request and close without a word
      truncate  take the report, then send half of the answer
      slow      take the report, wait SECONDS (5), then answer
      refuse    answer 200 with an error in the body
      html      answer 200 with a web page, as a captive portal does

    \b
    Examples:
      crashtool serve
      crashtool serve --port 0 --stop-after 1 --json
      crashtool serve --fault 429:2@1 --fault reset:1
      crashtool serve --fault truncate:1/report
      crashtool serve --fault reset%2 --fault 503%5@1

    Ctrl-C ends with status 130, SIGTERM, where there is one, with 0. With --json the document on
    stdout, printed at the start, holds url, symbols_url, inbox and folder.
    """  # noqa: D301 (\b is click's)
    options = ServeOptions(**values)
    token = options.serve_token
    if options.serve_token_file and not token:
        token = read_token_file(options.serve_token_file)
    _check_address(console, options.address, token)
    _serve(console, options, token)


def _check_address(console: Console, address: str, token: str | None) -> None:
    """Let others in only with a token, and say so."""
    if address in LOOPBACK_NAMES:
        return
    if not token:
        raise UsageError(
            f"listening on {address} requires a token",
            hint="--token-file FILE or --token TOKEN: 64 hex digits; it opens the inbox, too",
        )
    console.warn(f"listening on {address}: whoever has the token can send and read reports")


def _serve(console: Console, options: ServeOptions, token: str | None) -> None:
    """Receive until a signal comes, or so many reports have."""
    from crashtool.commands.dump_pages import DumpPages
    from crashtool.render.html_style import STYLE
    from crashtool.services.receiver.app import start_receiver
    from crashtool.services.workers.stop_flag import StopFlag

    stop = StopFlag()
    arrived = 0

    def log(exchange: Exchange) -> None:
        nonlocal arrived
        _log(console, exchange)
        arrived += exchange.report is not None
        if options.stop_after and arrived >= options.stop_after:
            stop.set()

    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in list_endings()}
    try:
        dump_pages = DumpPages(local=options.address in LOOPBACK_NAMES, warn=console.warn_once)
        with (
            closing(dump_pages) as pages,
            start_receiver(
                options.folder,
                port=options.port,
                host=options.address,
                token=token,
                symbols_token=options.symbol_token,
                faults=options.faults,
                max_size=options.max_size,
                read_dump=pages,
                style=STYLE,
                certificate=options.certificate,
                key=options.key,
                names=options.names,
                sources=options.sources,
                symbol_servers=options.symbol_servers or (),
                on_exchange=log,
            ) as receiver,
        ):
            if not (token or options.symbol_token):
                pages.symbols_url = receiver.submission_url("symbols")
            _announce(console, receiver)
            while not stop.wait(0.5):  # a wait without end cannot be interrupted on Windows
                pass
    finally:
        for number, action in previous.items():
            signal.signal(number, action)


def _announce(console: Console, receiver: Receiver) -> None:
    url, symbols_url = receiver.submission_url(), receiver.submission_url("symbols")
    inbox, folder = f"{receiver.url}/", str(receiver.inbox.folder)
    if console.json:
        document: dict[str, Any] = {
            "url": url,
            "symbols_url": symbols_url,
            "symbol_server": receiver.symbol_server,
            "inbox": inbox,
            "folder": folder,
        }
        console.document({"receiver": document})
    else:
        console.answer(url)
    console.note(f"symbols to {symbols_url}")
    console.note(f"debuggers get them from {receiver.symbol_server}")
    opens = " (the token is its password)" if receiver.tokens.submission else ""
    console.note(f"inbox at {inbox}{opens}, kept in {folder}")


def _log(console: Console, exchange: Exchange) -> None:
    report = exchange.report
    words = [str(exchange.status or "---"), exchange.what]
    if report:
        count = len(report.files)
        words += [report.rxid, report.product, report.version]
        words.append(f"({count} file{'' if count == 1 else 's'}, {report.size:,} bytes)")
    console.note(" ".join(word for word in words if word))
    for note in report.notes if report else ():
        console.note(f"    {note}")
