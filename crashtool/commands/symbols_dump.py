"""symbols dump: write Breakpad .sym files from debug files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.errors import DONE, CrashtoolError, InputUnusable, PartialFailure, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import user_cache_folder

if TYPE_CHECKING:
    from crashtool.model.symbol_upload import DumpedModule
    from crashtool.services.symbol_upload.symbol_text import SymbolTextOptions

CHECK_HINT = "crashtool symbols check says what each file holds"


class SymbolsDumpOptions(NamedTuple):
    """The options of one call."""

    inputs: tuple[str, ...]
    output: str | None
    store: str | None
    architecture: str | None
    name: str | None
    no_inlines: bool
    no_cfi: bool
    no_demangle: bool


@click.command("dump", cls=Command)
@click.argument("inputs", nargs=-1, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE.sym",
    help="Write the one module to this file; - is stdout, the default.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write every module into a Breakpad store: NAME/ID/NAME.sym.",
)
@click.option("--arch", "architecture", metavar="NAME", help="Only this architecture: x86_64 …")
@click.option("--name", metavar="NAME", help="What the module is called, when it is renamed.")
@click.option("--no-inlines", is_flag=True, help="Leave inlined calls out, for old readers.")
@click.option("--no-cfi", is_flag=True, help="Leave unwind rules out.")
@click.option("--no-demangle", is_flag=True, help="Keep names as they are in the file.")
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Write Breakpad .sym files from ELF, PE, PDB and Mach-O files.

    Files of one build are read together: the PDB with its EXE or DLL, a stripped program with its
    .debug file, a dSYM with its program. Functions and lines come from the one, unwind rules from
    the other. Files next to a named file are found by their identifiers.

    \b
    Examples:
      crashtool symbols dump build/game > game.sym
      crashtool symbols dump --store symbols/ build/ App.dSYM

    Exit status: 0, 3 when nothing can be written, 8 when some of several cannot.
    """  # noqa: D301 (\b is click's)
    from crashtool.services.files.scratch import Scratch
    from crashtool.services.symbol_upload.inspect_files import SurveyOptions, inspect_files
    from crashtool.services.symbol_upload.symbol_files import (
        Dumpable,
        SymbolDumper,
        check_single,
        find_dumpable,
    )

    options = SymbolsDumpOptions(**values)
    if not options.inputs:
        raise UsageError("no files given", hint="name files or folders")
    if options.store and options.output:
        raise UsageError("--store and --output cannot be combined")
    wishes = _make_wishes(options)
    cache = user_cache_folder()
    inputs = _add_siblings(console, options.inputs)
    with Scratch() as scratch:
        survey = inspect_files(SurveyOptions(inputs, cache=cache), scratch, warn=console.warn_once)
        dumped = find_dumpable(survey.collection.files, wishes)
        modules = [module for module in dumped if isinstance(module, Dumpable)]
        rows = [module for module in dumped if not isinstance(module, Dumpable)]
        if not modules and survey.fault:
            raise _without_headers_hint(survey.fault)
        refused = [f"{left_out.path}: {left_out.reason}" for left_out in survey.collection.refused]
        if not modules and not rows and len(refused) == 1:
            raise InputUnusable(refused[0], hint=CHECK_HINT)
        for text in refused:
            console.warn(text)
        if not modules:
            reason = rows[0].reason if rows else "no debug files found"
            raise InputUnusable(reason, hint=CHECK_HINT)
        dumper = SymbolDumper(scratch, wishes)
        if options.store:
            rows += dumper.write_store(modules, Path(options.store))
        elif options.output not in (None, "-"):
            rows.append(dumper.write_file(check_single(modules), Path(options.output)))
        else:
            dumper.write_into(check_single(modules), sys.stdout.buffer)
            return
    _answer(context, console, rows, refused=refused)


def _make_wishes(options: SymbolsDumpOptions) -> SymbolTextOptions:
    from crashtool.services.symbol_upload.symbol_text import SymbolTextOptions

    return SymbolTextOptions(
        not options.no_inlines,
        not options.no_cfi,
        not options.no_demangle,
        options.architecture or "",
        options.name or "",
    )


def _without_headers_hint(fault: CrashtoolError) -> CrashtoolError:
    """A fault of reading, without advice to take headers alone, which make no .sym file."""
    from crashtool.services.symbol_upload.native_coverage import HEADERS_HINT

    return InputUnusable(fault.what) if fault.hint == HEADERS_HINT else fault


def _add_siblings(console: Console, inputs: tuple[str, ...]) -> tuple[str, ...]:
    from crashtool.services.files.path_patterns import expand_all
    from crashtool.services.symbol_upload.siblings import find_siblings

    siblings = find_siblings(expand_all(inputs))
    for path in siblings:
        console.note(f"{path} belongs to it and is read, too")
    return (*inputs, *siblings)


def _answer(
    context: click.Context,
    console: Console,
    rows: Sequence[DumpedModule],
    *,
    refused: Sequence[str],
) -> None:
    """What was written; the error for what was not."""
    from crashtool.render.symbol_table import dumped_document, render_dumped

    failed = [f"{dumped.path}: {dumped.reason}" for dumped in rows if dumped.reason]
    failed += refused
    error: CrashtoolError | None = None
    if failed:
        what = f"{len(failed)} of the inputs gave no .sym file: {failed[0]}"
        wrote = any(dumped.target for dumped in rows)
        error = PartialFailure(what) if wrote else InputUnusable(what)
    if console.json:
        console.document(dumped_document(rows, error))
        context.exit(error.exit_status if error else DONE)
    console.answer(render_dumped(rows))
    if error:
        raise error
