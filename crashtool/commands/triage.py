"""The triage command: many minidumps to groups, compared with what is known."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions, open_symbols, symbol_options
from crashtool.commands.triage_options import TriageOptions
from crashtool.errors import (
    CHECK_FAILED,
    DONE,
    INPUT_UNUSABLE,
    PARTIAL,
    NothingFound,
    UsageError,
)

if TYPE_CHECKING:
    from crashtool.commands.triage_question import Question
    from crashtool.model.triage.grouping_rules import Rules
    from crashtool.model.triage.groups import Triage
    from crashtool.render.triage import Compared, TriageGate

TOP = 20
MAX_WARNED = 5  # inputs that gave no minidump
KNOWN_BY = "minidumps are known by their first bytes (MDMP), whatever their name"
LOPSIDED = 0.5  # of all crashes in one group that a rule of the user's names


@click.command(cls=Command)
@click.argument("inputs", nargs=-1, metavar="[PATH]...")
@symbol_options
@click.option(
    "--rules",
    "triage_rules",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Rules of grouping: the table [triage] of this TOML file (default: that of the project's "
    "crashtool.toml).",
)
@click.option(
    "--by",
    default="signature",
    show_default=True,
    metavar="KEY[,KEY]...",
    help="Group by signature, function or related (like signatures together), and by further "
    "keys: product, version, os, class, module or an annotation.",
)
@click.option(
    "--since", metavar="TIME", help="Only crashes since then: 7d, 12h, 2w or a date (UTC)."
)
@click.option("--until", metavar="TIME", help="Only crashes before then.")
@click.option(
    "--version",
    "versions",
    multiple=True,
    metavar="GLOB",
    help="Only crashes of these versions of the product. Repeatable.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=GLOB",
    help="Only crashes whose product, version, os, class, module or annotation matches. "
    "Repeatable.",
)
@click.option("--count-duplicates", is_flag=True, help="Count a report each time that it was sent.")
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=TOP,
    show_default=True,
    metavar="N",
    help="Show at most this many groups; 0 shows all. JSON always has all.",
)
@click.option(
    "--compare",
    metavar="VERSION,VERSION",
    help="Compare each group's rate in two versions, the older first.",
)
@click.option(
    "--sessions",
    multiple=True,
    metavar="VERSION=N",
    help="How often a version was started, for --compare; without it rates are shares of the "
    "version's crashes. Repeatable.",
)
@click.option(
    "--baseline",
    "triage_baseline",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Compare with the groups in this file (default: the baseline in [triage] of the "
    "project's crashtool.toml).",
)
@click.option(
    "--baseline-anyway",
    is_flag=True,
    help="Use the baseline even if it was made with other rules or keys.",
)
@click.option(
    "--save-baseline",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the groups to this file.",
)
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Groups of fewer crashes are not new.",
)
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(["new", "regression"]),
    help="Exit with 4 if a group is new to the baseline, or more frequent in the newer version of "
    "--compare. Repeatable.",
)
@click.option(
    "--rows",
    metavar="FILE",
    help="Write what is known of each minidump to this file, a JSON document a line; - is stdout, "
    "and nothing else is written there.",
)
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the rows as a Parquet file (the extra 'parquet').",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the groups as a web page that needs nothing else.",
)
@click.option(
    "--ci",
    "ci_system",
    type=click.Choice(["github"]),
    help="Also write annotations for this CI system and its job summary: what is new or more "
    "frequent.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep what was read in this folder: an interrupted call continues there, and the "
    "next one reads only what is new.",
)
@click.option(
    "--explain",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Show for each call of this minidump whether it counts, and by which rule.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many minidumps to read at once (default: one for each core).",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Have minidumps read by the workers of the Dask cluster whose scheduler has this address "
    "(the extra 'cluster'); local starts one on this machine. Workers read paths by themselves, "
    "and local symbols are not looked for unless it is local.",
)
@click.pass_context
def command(
    context: click.Context, /, console: Console, inputs: tuple[str, ...], **values: Any
) -> None:
    """Group many minidumps by what crashed, count them, and compare versions.

    PATH is a minidump, a folder, a glob pattern, an archive, a Crashpad database, the folder of
    `serve` or a place in an object store (s3://bucket/prefix); - reads paths from standard input,
    one a line. The groups are those of the signature that inspect shows: up to two functions of the
    program and the class of the crash, the same with and without symbols of the system. ~ marks a
    group by guessed frames, ? a place in one build.

    \b
    Examples:
      crashtool triage crashes/ --symbols symbols/
      crashtool triage crashes/ --by signature,version --since 7d
      crashtool triage crashes/ --save-baseline known-crashes.jsonl
      crashtool triage crashes/ --baseline known-crashes.jsonl --fail-on new
      crashtool triage crashes/ --compare 1.4.1,1.4.2 --sessions 1.4.1=20000 --sessions 1.4.2=9000

    Exit status: 0, 3 when there is no minidump or none can be read, 4 with --fail-on, 8 when only
    some could be read.
    """  # noqa: D301 (\b is click's)
    from crashtool.commands.triage_outputs import tell_ci, write_page
    from crashtool.commands.triage_question import Question
    from crashtool.model.triage.grouping_rules import Rules

    options = TriageOptions(lookup=SymbolOptions.take(values), **values)
    rules = Rules()
    if options.triage_rules:
        from crashtool.services.triage.rules_file import read_rules

        rules = read_rules(options.triage_rules)
    if options.explain:
        _explain(console, options.explain, options.lookup, rules)
        return
    if not inputs:
        raise UsageError("no minidump given", hint="crashtool triage crashes/")
    is_typed = context.get_parameter_source("triage_baseline") == ParameterSource.COMMANDLINE
    question = Question(options, rules, console, is_baseline_typed=is_typed)
    triage = question.read(console, inputs)
    if not triage.totals.minidumps:
        raise _nothing_found(console, triage)
    compared, gate = question.compare(triage), question.hold_to_baseline(triage)
    if options.save_baseline:
        question.save(triage, options.save_baseline)
    if options.html:
        write_page(options.html, triage, compared, gate)
    if options.ci_system:
        tell_ci(console, options, triage, compared, gate)
    _answer(console, question, triage, compared, gate)
    _warn_of_rules(console, rules, triage)
    context.exit(_find_status(options, triage, compared, gate))


def _explain(console: Console, path: str, lookup: SymbolOptions, rules: Rules) -> None:
    """Say for each call of one crash whether it counts, and by which rule."""
    from crashtool.model.own_calls import decide_calls
    from crashtool.model.signature import sign
    from crashtool.render.call_decisions import decisions_document, render_decisions
    from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report

    with open_symbols(lookup, console) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols, warn=console.warn_once))
    thread = report.crashed_thread
    decisions = tuple(decide_calls(thread.frames if thread else (), rules))
    text = sign(report, rules).text
    if console.json:
        console.document(decisions_document(path, text, decisions))
    else:
        console.answer(render_decisions(path, text, decisions))


def _answer(
    console: Console,
    question: Question,
    triage: Triage,
    compared: Compared | None,
    gate: TriageGate | None,
) -> None:
    from crashtool.render.triage import render_triage, triage_document

    if question.options.rows == "-":
        return
    if console.json:
        console.document(triage_document(triage, question.options.by, compared, gate))
    else:
        top = question.options.top or None
        console.answer(render_triage(triage, top, compared, gate, question.extra))


def _warn_of_rules(console: Console, rules: Rules, triage: Triage) -> None:
    """Say which rules do nothing, and which take too much."""
    entries = [(rule.line, rule.text) for rule in rules.frame_rules]
    entries += [(group.line, group.text) for group in rules.groups]
    for line, text in entries:
        if triage.totals.grouped and text not in triage.used_rules:
            console.warn(f"line {line} of the rules matched nothing: {text}")
    for group in triage.groups:
        if group.is_named_by_rule and group.crashes > LOPSIDED * triage.totals.grouped:
            console.warn(f"the rule {group.key.text!r} takes more than half of all crashes")


def _find_status(
    options: TriageOptions,
    triage: Triage,
    compared: Compared | None,
    gate: TriageGate | None,
) -> int:
    if "new" in options.fail_on and gate and gate.new:
        return CHECK_FAILED
    verdicts = {item.verdict for _, item in compared.rows} if compared else set()
    if "regression" in options.fail_on and "regression" in verdicts:
        return CHECK_FAILED
    totals = triage.totals
    if unusable := totals.unreadable + totals.no_minidump:
        return INPUT_UNUSABLE if unusable == totals.inputs else PARTIAL
    return DONE


def _nothing_found(console: Console, triage: Triage) -> NothingFound:
    """What to say where no input gave a minidump."""
    if len(triage.unreadable) > 1:
        for _, why in triage.unreadable[:MAX_WARNED]:
            console.warn(why)
    if len(triage.unreadable) == 1:
        path, why = triage.unreadable[0]
        is_there = os.path.exists(path)  # noqa: PTH110 (pathlib costs start-up time)
        return NothingFound(why, hint=KNOWN_BY if is_there else None)
    return NothingFound("no minidump to group", hint=KNOWN_BY)
