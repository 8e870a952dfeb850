"""upload-symbols: find debug files, say what is wrong with them, and upload them."""

from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import network_options
from crashtool.errors import DONE, UsageError
from crashtool.formats.object_file.kinds import KINDS
from crashtool.render.symbol_table import outcome_document, render_collection, render_deliveries
from crashtool.services.settings import read_token_file

if TYPE_CHECKING:
    from crashtool.model.symbol_upload import Collection, Defect


@click.command(cls=Command)
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
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out files and folders whose name or path matches. Repeatable.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(KINDS),
    help="Only this kind of file. Repeatable.",
)
@click.option(
    "--single",
    is_flag=True,
    help="One request for each file instead of an archive: PDB, PE and .sym only.",
)
@click.option(
    "--max-archive-size",
    "most",
    type=ByteSize(),
    metavar="SIZE",
    help="Several archives, each with at most this much before compression: 500M, 2G.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.zip",
    help="Write the archive to a file instead of uploading it.",
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
    help="Finding no debug files is no error.",
)
@click.option(
    "--soft-fail",
    is_flag=True,
    help="An outage (network, 429, 5xx) is a warning; a mistake stays an error.",
)
@network_options
@click.pass_context
def command(
    context: click.Context,
    /,
    console: Console,
    *,
    inputs: tuple[str, ...],
    symbols_token: str | None,
    symbols_token_file: str | None,
    ca_bundle: str | None,
    insecure: bool | None,
    timeout: float | None,
    retry_for: float | None,
    **wishes: Any,
) -> None:
    """Check debug files and upload them.

    PATH is a file, a folder, a pattern, an archive (zip, tar, gz, xz, bz2) or a bundle (.dSYM,
    .xcarchive). Debug files are recognised by their content: ELF, PE, PDB, Mach-O, Breakpad .sym.
    They go as one zip archive that is made while it is sent. An upload counts as done only when
    the server says so. Nothing found, a path that does not exist, or a damaged file ends with
    status 3, or 8 when the rest could be uploaded.

    \b
    Examples:
      crashtool upload-symbols --dry-run build/
      crashtool upload-symbols --universe acme --tag "$VERSION" build/bin "dist/**/*.pdb"
      crashtool upload-symbols --output symbols.zip App.xcarchive
      crashtool upload-symbols --soft-fail --receipt symbols.json out/
    """  # noqa: D301 (\b is click's)
    from crashtool.services.symbol_upload.job import Network, Voices, Wishes, run_job

    if not inputs:
        raise UsageError("what should be uploaded?", hint="name files, folders or patterns")
    if insecure:
        console.warn("TLS certificates are not verified (--insecure)")
    if symbols_token_file:
        symbols_token = read_token_file(symbols_token_file)

    def show_found(collection: "Collection", defects: "tuple[Defect, ...]") -> None:
        if not console.json:
            everything = console.verbosity > 0
            console.answer(render_collection(collection, defects, all_ignored=everything))

    outcome = run_job(
        Wishes(inputs, token=symbols_token, **wishes),
        Network(ca_bundle, bool(insecure), timeout, retry_for),
        Voices(show_found, console.progress, console.note),
    )
    for row in outcome.deliveries:
        if row.forgiven:
            console.warn(f"{row.name} was not uploaded (--soft-fail): {row.reason}")
    if console.json:
        console.document(outcome_document(*outcome))
        context.exit(outcome.error.exit_status if outcome.error else DONE)
    console.answer(render_deliveries(outcome.deliveries))
    if outcome.error:
        raise outcome.error
