"""annotate: annotations and attachments, checked, and printed for StartHandler or put in a dump."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.errors import CHECK_FAILED, CheckFailed, UsageError
from crashtool.formats.attribute_rules import ERROR, INTO, AttributeFinding, StartPlan, check_plan
from crashtool.formats.attributes import join_annotations, parse_attachment, split_pair
from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.crashpad.handler_options import (
    EXITS,
    HANDLER_OPTIONS,
    find_handler_option,
    parse_handler_option,
)
from crashtool.formats.named_tuple import NamedTuple
from crashtool.render.start_handler import TEXTS, finding_text, plan_document
from crashtool.services.integration.annotation_sources import (
    AnnotationSource,
    join_sources,
    mark_folders,
    read_annotation_file,
    read_git_annotations,
)
from crashtool.services.settings.resolution import Habits

SPELLINGS = {
    True: "attachments are spelled --attachment=attachment_NAME=PATH, for Backtrace's builds of "
    "2018 to 2021 alone: any other handler looks for a file of that whole name, and silently sends "
    "the crash without it",
    False: "attachments are spelled --attachment=PATH: Backtrace's builds of 2018 to 2021 exit at "
    "once on that and handle no crash (--handler backtrace-2018), and so does upstream's handler "
    "on macOS before December 2025",
}


if TYPE_CHECKING:
    StringChoice = click.Choice[str]
else:
    StringChoice = click.Choice  # which takes no type before click 8.2


class OptionName(StringChoice):
    """Completes the names of handler options; what is typed is judged when the handler is known."""

    def convert(self, value: str, _: click.Parameter | None, __: click.Context | None) -> str:
        """What is typed, as it is."""
        return value


def _remember(
    context: click.Context, _: click.Parameter, typed: tuple[str, ...]
) -> tuple[str, ...]:
    """Keep what the command line says apart from the settings that will be put beneath it."""
    context.meta["crashtool.typed"] = typed
    return typed


class AnnotateOptions(NamedTuple):
    """The options of one call; `kind` is the handler's, `options` are those it starts with."""

    annotations: tuple[str, ...]
    attachments: tuple[str, ...] | None
    files: tuple[str, ...]
    git: bool
    text_form: str | None
    kind: str | None
    options: tuple[str, ...]
    dump: str | None
    output: str | None
    check: bool


class AnnotateCommand(Command):
    """Its attachments are files of the program's users, which are not opened here."""

    HABITS = Habits(only_named=("attachments",))


@click.command(cls=AnnotateCommand)
@click.argument("annotations", nargs=-1, metavar="[KEY=VALUE]...", callback=_remember)
@click.option(
    "--attach",
    "attachments",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Attach a file. Repeatable. Only a handler of 2018 can be given a NAME.",
)
@click.option(
    "--from",
    "files",
    multiple=True,
    metavar="FILE",
    help="Read them from a .toml, .json or .env file. Repeatable.",
)
@click.option(
    "--git",
    is_flag=True,
    help="Add commit, branch and dirty (true or false) of the git work tree here.",
)
@click.option(
    "--as",
    "text_form",
    type=click.Choice([*TEXTS, "json"]),
    default=None,
    help="What to print: arguments, one a line (default); words for a shell; one Windows "
    "command line; C++ for StartHandler, or for StartHandlerForBacktrace; JSON; a "
    "crashtool.toml; CMake variables.",
)
@click.option(
    "--handler",
    "kind",
    type=click.Choice(list(HANDLER_KINDS)),
    default=None,
    help="Which crashpad_handler it is for: upstream (default), backtrace (since 2022), "
    "backtrace-2018 (to 2021) or sentry. They differ in attachments.",
)
@click.option(
    "--handler-option",
    "options",
    multiple=True,
    type=OptionName(list(HANDLER_OPTIONS)),
    metavar="NAME[=VALUE]",
    help="Start the handler with this option (no-rate-limit, no-upload-gzip…); its "
    "consequences are printed. Repeatable.",
)
@click.option(
    "--into",
    "dump",
    metavar="IN.dmp",
    help="Write the annotations into this minidump instead of printing them.",
)
@click.option(
    "--output",
    metavar="OUT.dmp",
    help="With --into: the minidump to write, which may be IN.dmp itself.",
)
@click.option("--check", is_flag=True, help="Only check; print nothing but findings.")
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Check annotations and attachments; print them as StartHandler needs them.

    With --into they are written into a minidump instead, as annotations of the process: those of
    the same key are replaced, the others stay, and so does every other byte. Of --from and the
    settings only the annotations count then: a minidump holds no attachments.

    KEY=VALUE is split at the first `=`; VALUE may be empty. A key on the command line replaces
    that of --git, which replaces that of --from, which replaces that of the setting `annotations`;
    --attach replaces the setting `attachments`. Annotations come out in the order of their keys,
    as StartHandler hands them over. An error found ends with status 4, and nothing is printed;
    warnings end with 0.

    \b
    Examples:
      crashtool annotate prod=Game ver=1.4.2 --git
      crashtool annotate --from build.env --attach C:/game/game.log --as cpp
      crashtool annotate ver=1.4.2 --attach /var/log/game.log --as shell
      crashtool annotate --attach game.log=C:/game/last.log --as cpp-backtrace
      crashtool annotate prod=Game --handler-option no-rate-limit --as cpp
      crashtool annotate --from annotations.toml --check
      crashtool annotate ver=1.4.2 --git --into crash.dmp --output annotated.dmp
    """  # noqa: D301 (\b is click's)
    options = AnnotateOptions(**values)
    console.json = console.json or options.text_form == "json"
    _refuse_unfit(context, options)
    plan = _plan(context, options)
    into = None
    if options.dump is not None and options.output is not None:
        into = options.dump, options.output
    is_chosen = options.kind is not None and not HANDLER_KINDS[options.kind].names_attachments
    _deliver(context, console, plan, into, is_chosen=is_chosen, check=options.check)


def _plan(context: click.Context, options: AnnotateOptions) -> StartPlan:
    """What the handler is started with, from all sources; of annotations alone for a minidump."""
    into_dump = options.dump is not None
    kind = _choose_kind(options.kind, None if into_dump else options.text_form)
    source = _collect(context, options)
    if into_dump:
        source = source._replace(attachments=())
    if not (source.annotations or source.attachments or options.options):
        raise UsageError(
            "no annotations or attachments given",
            hint="crashtool annotate KEY=VALUE, --attach PATH, --from FILE or --git",
        )
    return StartPlan(
        source.annotations,
        mark_folders(source.attachments),
        kind,
        INTO if into_dump else options.text_form or "arguments",
        tuple(dict.fromkeys(parse_handler_option(option, kind) for option in options.options)),
    )


def _deliver(
    context: click.Context,
    console: Console,
    plan: StartPlan,
    into: tuple[str, str] | None,
    *,
    is_chosen: bool,
    check: bool,
) -> None:
    """Print the plan, or write it `into` a minidump as another, unless an error is found in it."""
    findings = check_plan(plan)
    failed = any(finding.severity == ERROR for finding in findings)
    if into and not failed:
        _write_into(console, plan, findings, *into)
    elif console.json:
        console.document(plan_document(plan, findings))
    else:
        _say(console, plan, findings, is_chosen=is_chosen)
        if not failed and not check:
            console.answer(TEXTS[plan.text_form](plan))
    if failed:
        context.exit(CHECK_FAILED)


def _refuse_unfit(context: click.Context, options: AnnotateOptions) -> None:
    """UsageError for what does not go with --into, or with a text that cannot hold it."""
    dump, output = options.dump, options.output
    if options.options and (options.text_form == "toml" or dump is not None):
        holder = "a minidump" if dump is not None else "a crashtool.toml"
        raise UsageError(f"{holder} holds no handler options", hint="leave --handler-option out")
    if dump is None and output is None:
        return
    if dump is None or output is None:
        given, missing = (
            ("--output", "--into IN.dmp") if dump is None else ("--into", "--output OUT.dmp")
        )
        raise UsageError(
            f"{given} needs {missing}", hint="both may name the same file, which is then replaced"
        )
    if context.get_parameter_source("attachments") == ParameterSource.COMMANDLINE:
        raise UsageError(
            "a minidump holds no attachments: --attach does not go with --into",
            hint="send them along with the dump: crashtool send-dump --attachment",
        )
    if options.check or options.text_form not in (None, "json"):
        given = "--check" if options.check else "--as"
        raise UsageError(
            f"{given} does not go with --into, which prints nothing",
            hint="leave one of them out",
        )


def _write_into(
    console: Console,
    plan: StartPlan,
    findings: tuple[AttributeFinding, ...],
    dump: str,
    output: str,
) -> None:
    from crashtool.render.annotated_dump import annotated_document, annotated_page
    from crashtool.services.integration.annotate_dump import (
        annotate_dump,  # seldom needed, and slow to import
    )

    result = annotate_dump(dump, output, join_annotations(plan.annotations))
    if console.json:
        console.document(annotated_document(result, findings))
        return
    _say(console, plan, findings, is_chosen=True)
    console.answer(annotated_page(result))
    if result.refusal:
        console.warn(
            f"crashpad_handler would send {output} without them, because {result.refusal}",
            hint="crashtool send-dump sends it with all of them",
        )


def _choose_kind(kind: str | None, text_form: str | None) -> str:
    if text_form != "cpp-backtrace":
        return kind or "upstream"
    if kind not in (None, "backtrace-2018"):
        raise UsageError(
            f"the handler '{kind}' has no StartHandlerForBacktrace",
            hint="only Backtrace's builds of 2018 to 2021 have it; use --as cpp",
        )
    return "backtrace-2018"


def _collect(context: click.Context, options: AnnotateOptions) -> AnnotationSource:
    """All sources joined, each replacing those before it: settings, files, git, command line."""
    typed = len(context.meta["crashtool.typed"])
    pairs = tuple(split_pair(text) for text in options.annotations)
    attached = tuple(parse_attachment(text) for text in options.attachments or ())
    settled = context.get_parameter_source("attachments") != ParameterSource.COMMANDLINE
    return join_sources(
        AnnotationSource(pairs[: len(pairs) - typed], attached if settled else ()),
        *(read_annotation_file(file) for file in options.files),
        *([read_git_annotations(Path.cwd())] if options.git else []),
        AnnotationSource(pairs[len(pairs) - typed :], () if settled else attached),
    )


def _say(
    console: Console, plan: StartPlan, findings: tuple[AttributeFinding, ...], *, is_chosen: bool
) -> None:
    for finding in findings:
        if finding.severity == ERROR:
            console.error(CheckFailed(finding_text(finding)))
        else:
            console.warn(finding_text(finding))
    if plan.attachments and not is_chosen:
        console.note(SPELLINGS[plan.handler.names_attachments])
    for argument in plan.options:
        option = find_handler_option(argument)
        console.note(f"--{option.name}: {option.consequence}")
        if option.system:
            console.warn(f"--{option.name} is known on {option.system} alone: elsewhere {EXITS}")
