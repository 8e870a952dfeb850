"""upload-symbols: find debug files, say what is wrong with them, and upload them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.ci_output import ci_options, report_to_ci
from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.gate_options import GateOptions, gate_options
from crashtool.commands.options import network_options, require_token
from crashtool.errors import DONE, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.symbol_table import outcome_document, render_deliveries, render_survey
from crashtool.services.settings.layers import read_token_file

OUTAGES = ("network", "server", "all")

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from crashtool.model.symbol_upload import Survey
    from crashtool.services.symbol_upload.job import UploadOptions, UploadOutcome


class UploadCommand(Command):
    """Takes --soft-fail alone for --soft-fail=all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """An option with a value that may be left out would swallow the path behind it."""
        end = args.index("--") if "--" in args else len(args)
        own = ["--soft-fail=all" if word == "--soft-fail" else word for word in args[:end]]
        return super().parse_args(ctx, [*own, *args[end:]])


class Shown:
    """What an upload tells while it goes on (UploadEvents), before the user's eyes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show_survey(self, survey: Survey) -> None:
        """Answer with the table of files."""
        if not self._console.json:
            all_ignored = self._console.verbosity > 0
            self._console.answer(render_survey(survey, all_ignored=all_ignored))

    def progress(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far a file has gone."""
        return self._console.progress(label, total)

    def note(self, sentence: str) -> None:
        """Say what a person may want to know."""
        self._console.note(sentence)

    def warn(self, sentence: str) -> None:
        """Say once what holds for all files."""
        self._console.warn_once(sentence)


class UploadSymbolsOptions(NamedTuple):
    """The options of one call; times in seconds, sizes in bytes."""

    inputs: tuple[str, ...]
    symbols_url: str | None
    universe: str | None
    host: str | None
    symbols_token: str | None
    symbols_token_file: str | None
    tag: str | None
    gate: GateOptions
    single: bool
    max_archive_size: int | None
    no_compression: bool
    gzip: bool
    output: str | None
    store: str | None
    replace: bool
    verify_receipt: str | None
    receipt: str | None
    dry_run: bool
    allow_empty: bool
    soft_fail: str | None
    jobs: int
    ci_system: str | None
    junit: str | None
    ca_bundle: str | None
    insecure: bool | None
    timeout: float | None
    retry_for: float | None


@click.command(cls=UploadCommand)
@click.argument("inputs", nargs=-1, metavar="PATH...")
@click.option(
    "--url",
    "symbols_url",
    metavar="URL",
    help="Where to: https://submit.backtrace.io/UNIVERSE/SYMBOL-TOKEN/symbols.",
)
@click.option("--universe", metavar="NAME", help="Instead of a URL: the universe (subdomain).")
@click.option("--host", metavar="NAME", help="Instead of a URL: your own server.")
@click.option(
    "--token",
    "symbols_token",
    metavar="TOKEN",
    help="The symbol token (not the submission token). Others can see it in the process "
    "list: prefer CRASHTOOL_SYMBOLS_TOKEN or --token-file.",
)
@click.option(
    "--token-file",
    "symbols_token_file",
    type=click.Path(),
    metavar="FILE",
    help="Read the symbol token from this file.",
)
@click.option("--tag", help="The group these symbols belong to (Backtrace's default: anon).")
@gate_options
@click.option(
    "--single",
    is_flag=True,
    help="One request for each file instead of an archive: PDB, PE and .sym only.",
)
@click.option(
    "--max-archive-size",
    type=ByteSize(),
    metavar="SIZE",
    help="Make several archives, each of at most this size before compression: 500M, 2G.",
)
@click.option(
    "--no-compression",
    is_flag=True,
    help="Put files into the archive as they are: for networks faster than 100 MB/s.",
)
@click.option(
    "--gzip",
    is_flag=True,
    help="With --single: compress each file on the way (Content-Encoding: gzip).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.zip",
    help="Write the archive to a file instead of uploading it.",
)
@click.option(
    "--to",
    "store",
    metavar="DIR|URL",
    help="Write the files into a symbol store, a folder or s3://…, instead of uploading; with a "
    "server, do both.",
)
@click.option("--replace", is_flag=True, help="With --to: replace a different file of the same id.")
@click.option(
    "--verify-receipt",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Send nothing; check that each of these files was accepted, by the receipt of an upload.",
)
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Record what was sent: identifiers, hashes, replies (JSON).",
)
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Everything but the upload: offline, same table, same exit status.",
)
@click.option(
    "--allow-empty",
    "--pass-with-no-files",
    is_flag=True,
    help="Finding no debug files, or none of use, is not an error.",
)
@click.option(
    "--soft-fail",
    type=click.Choice(OUTAGES),
    help="An outage is a warning and status 0: of the network, of the server (429, 5xx), or all, "
    "which is what --soft-fail alone means. A mistake stays an error, as does the gate. "
    "Written --soft-fail=KIND.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="How many requests at once, where there are several.",
)
@ci_options
@network_options
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Check debug files and upload them.

    PATH is a file, a folder, a pattern, an archive (zip, tar, 7z, cab, gz, xz, bz2, zst), a package
    (.deb, .ddeb, .rpm, .snap, AppImage) or a bundle (.dSYM, .xcarchive); archives in them are
    opened. Debug files are recognised by their content: ELF, PE, PDB, Mach-O, Breakpad .sym. They
    go as one zip archive that is made while it is sent. An upload counts as done only when the
    server says so. Nothing found, a path that does not exist, or a damaged file ends with status 3,
    or 8 when the rest could be uploaded; a call without one file of use with 4, and nothing is
    sent.

    \b
    Examples:
      crashtool upload-symbols --dry-run build/
      crashtool upload-symbols --universe acme --tag "$VERSION" build/bin "dist/**/*.pdb"
      crashtool upload-symbols --output symbols.zip App.xcarchive
      crashtool upload-symbols --require-for dist/ --receipt symbols.json out/
      crashtool upload-symbols --verify-receipt symbols.json dist/
      crashtool upload-symbols --to /srv/symbols out/
    """  # noqa: D301 (\b is click's)
    from crashtool.services.symbol_upload.job import Network, run_job

    options = UploadSymbolsOptions(gate=GateOptions.take(values), **values)
    if not options.inputs:
        raise UsageError("no files given", hint="name files, folders or patterns, as in build/")
    if options.insecure:
        console.warn_of_insecurity()
    if not options.output:
        require_token(options.symbols_url)

    outcome = run_job(
        _make_job(options, hashed=console.json),
        Network(options.ca_bundle, bool(options.insecure), options.timeout, options.retry_for),
        Shown(console),
    )
    _tell(context, console, outcome, options)


def _make_job(options: UploadSymbolsOptions, *, hashed: bool) -> UploadOptions:
    """What is asked of the job; `hashed` wants a hash of each file."""
    from crashtool.services.symbol_upload.job import UploadOptions

    token = options.symbols_token
    if options.symbols_token_file:
        token = read_token_file(options.symbols_token_file)
    return UploadOptions(
        options.gate.survey(options.inputs),
        allow_empty=options.allow_empty,
        single=options.single,
        max_archive_size=options.max_archive_size,
        output=options.output,
        receipt=options.receipt,
        verify_receipt=options.verify_receipt,
        store=options.store,
        replace=options.replace,
        dry_run=options.dry_run,
        soft_fail=options.soft_fail or "",
        jobs=options.jobs,
        no_compression=options.no_compression,
        gzip=options.gzip,
        hashed=hashed,
        symbols_url=options.symbols_url,
        universe=options.universe,
        host=options.host,
        token=token,
        tag=options.tag,
        strict=options.gate.strict,
    )


def _tell(
    context: click.Context,
    console: Console,
    outcome: UploadOutcome,
    options: UploadSymbolsOptions,
) -> None:
    """Say what came of the deliveries, and end with the status that they have."""
    said = [outcome.error.what] if outcome.error else []
    for delivery in outcome.deliveries:
        if delivery.forgiven and not console.is_quiet:
            said.append(delivery.reason)
            console.warn(f"{delivery.name} was not uploaded (--soft-fail): {delivery.reason}")
    report_to_ci(
        console, options.ci_system, options.junit, outcome.survey, outcome.deliveries, outcome.error
    )
    if console.json:
        console.document(outcome_document(*outcome))
        context.exit(outcome.error.exit_status if outcome.error else DONE)
    console.answer(render_deliveries(outcome.deliveries, said))
    if outcome.error:
        raise outcome.error
