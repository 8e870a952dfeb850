"""crashtool scaffold cpp: the code that starts the handler, and what builds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from crashtool.commands.command import RESOLVED, Command
from crashtool.commands.console import Console
from crashtool.commands.options import annotation_options
from crashtool.errors import CheckFailed, UsageError
from crashtool.formats.attribute_rules import ERROR, StartPlan, check_plan
from crashtool.formats.attributes import (
    Attachment,
    is_absolute,
    join_annotations,
    parse_attachment,
    split_pair,
)
from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.crashpad.client.find_release import find_release
from crashtool.formats.crashpad.client.layouts import LAYOUTS, PLATFORMS, WINDOWS
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.redaction import redact_token
from crashtool.model.integration import Integration, WrittenFile
from crashtool.services.settings.layers import FLAG, PROJECT, Resolved
from crashtool.services.settings.resolution import Habits

FOLDER = "crash_reporting"
URL_LEFT = (
    "the URL is left to the build: give it in CRASH_REPORTING_URL (crashtool make-url prints it); "
    "--url writes one into the source"
)


class CppCommand(Command):
    """Its attachments are files of the program's users, which are not opened here."""

    HABITS = Habits(only_named=("attachments",))


class ScaffoldCppOptions(NamedTuple):
    """The options of one call."""

    into: str | None
    force: bool
    fork: str | None
    version: str | None
    crashpad_dir: str | None
    layout: str | None
    platforms: tuple[str, ...]
    name: str | None
    url: str | None
    annotations: tuple[str, ...] | None
    attachments: tuple[str, ...] | None


@click.command("cpp", cls=CppCommand)
@click.option(
    "--into",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help=f"Your project: the files are written to DIR/{FOLDER}.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option(
    "--crashpad",
    "fork",
    type=click.Choice(list(HANDLER_KINDS)),
    help="Which Crashpad it is linked with. Default: that of --crashpad-dir, else backtrace.",
)
@click.option(
    "--crashpad-version",
    "version",
    metavar="DATE|TAG",
    help="How old it is: the date of its sources, as in 2023-05-27, or the version of "
    "sentry-native. Default: the newest.",
)
@click.option(
    "--crashpad-dir",
    "crashpad_dir",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Folder with Crashpad's build; its layout is detected. Default: set when the project is "
    "configured.",
)
@click.option(
    "--layout",
    type=click.Choice(list(LAYOUTS)),
    help="The kind of folder that it will be in, when it is not there yet: see scaffold obtain.",
)
@click.option(
    "--platform",
    "platforms",
    type=click.Choice(PLATFORMS),
    multiple=True,
    help="Write build files for this one alone. Repeatable. The code is for all three.",
)
@click.option(
    "--name",
    metavar="NAME",
    help="The folder of the database below the user's own. Default: the annotation prod.",
)
@click.option("--url", metavar="URL", help="Write this URL into the source, token included.")
@annotation_options
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Write C++ that starts the handler, and CMake and MSBuild files that build it.

    One header, one source, for Windows, macOS and Linux: database, consent, URL, annotations,
    attachments, and proof that the handler lives. Beside them a CMake file, an MSBuild property
    sheet, those for symbols, and a README with the next steps.

    --annotation and --attachment add to the settings. An attachment with a relative path lies in
    the program's own folder. A URL goes into the source from --url or from a project file; one
    that the environment gives holds your token, and stays out of it.

    \b
    Examples:
      crashtool scaffold cpp --annotation prod=Game --into .
      crashtool scaffold cpp --crashpad-dir C:/crashpad --platform windows --into .
      crashtool scaffold cpp --crashpad sentry --crashpad-version 0.12.0 --into .

    Exit status: 0, 2 when another file is in the way, 4 when the URL, an annotation or an
    attachment is at fault: then nothing is written.
    """  # noqa: D301 (\b is click's)
    from crashtool.services.integration.scaffold import write_files

    options = ScaffoldCppOptions(**values)
    if not options.into:
        raise UsageError("cpp makes several files", hint="--into . writes them to ./" + FOLDER)
    integration = _read_integration(context, options)
    findings = _assess(integration)
    if not console.json:
        _say(console, findings)
    written: tuple[WrittenFile, ...] = ()
    is_sound = all(finding["severity"] != ERROR for finding in findings)
    if is_sound:
        folder = Path(options.into, FOLDER)
        texts = _make_texts(integration)
        written = write_files(
            {folder / name: text.encode("utf-8") for name, text in texts.items()},
            force=options.force,
        )
    _tell(console, integration, written, findings, options.platforms or PLATFORMS)
    if not is_sound:
        context.exit(CheckFailed.exit_status)


def _tell(
    console: Console,
    integration: Integration,
    written: tuple[WrittenFile, ...],
    findings: list[dict[str, Any]],
    wanted: tuple[str, ...],
) -> None:
    """What was written, what this Crashpad cannot do and what is left to do."""
    limits = list(_walk_limits(integration, wanted)) if written else []
    if console.json:
        from crashtool.render.integration.documents import cpp_document

        notes = [f"{limit.text}: {limit.hint}" if limit.hint else limit.text for limit in limits]
        console.document(cpp_document(integration, written, findings, notes))
    elif written:
        names = ", ".join(Path(file.path).name for file in written)
        folder = Path(written[0].path).parent
        console.note(f"wrote {names} to {folder}, for {integration.release.title}")
        for limit in limits:
            if limit.is_warning:
                console.warn(limit.text, hint=limit.hint)
            else:
                console.note(limit.text)


def _read_integration(context: click.Context, options: ScaffoldCppOptions) -> Integration:
    from crashtool.services.integration.layout_search import choose_layouts, find_layout

    resolved = context.meta[RESOLVED]
    fork, layout = options.fork, options.layout
    if not fork and options.crashpad_dir:
        fork = find_layout(Path(options.crashpad_dir)).forks[0]
    if not fork:
        fork = LAYOUTS[layout].forks[0] if layout else "backtrace"
    platforms = tuple(name for name in PLATFORMS if name in (options.platforms or PLATFORMS))
    crashpad_dir = str(Path(options.crashpad_dir).resolve()) if options.crashpad_dir else ""
    annotations = tuple(split_pair(text) for text in options.annotations or ())
    name = options.name or join_annotations(annotations).get("prod")
    if not name:
        raise UsageError(
            "the program has no name", hint="--annotation prod=NAME, or prod in [annotations]"
        )
    return Integration(
        find_release(fork, options.version or ""),
        name,
        StartPlan(annotations, _read_attachments(options, resolved["attachments"]), fork, "cpp"),
        choose_layouts(fork, platforms, crashpad_dir, layout or ""),
        _choose_url(context, options.url, resolved["url"]),
        crashpad_dir.replace("\\", "/"),
    )


def _read_attachments(options: ScaffoldCppOptions, resolved: Resolved) -> tuple[Attachment, ...]:
    """The attachments; those of a project file as it has them, relative to its folder."""
    attachments = tuple(parse_attachment(text) for text in options.attachments or ())
    if resolved.layer != PROJECT:
        return attachments
    folder = str(Path(resolved.source.removeprefix("file ")).parent)
    return tuple(
        item._replace(path=os.path.relpath(item.path, folder).replace("\\", "/"))
        if item.path.startswith(folder + os.sep)
        else item
        for item in attachments
    )


def _choose_url(context: click.Context, url: str | None, resolved: Resolved) -> str:
    """The URL that goes into the source; "" for one that neither a flag nor the project gives."""
    is_typed = context.get_parameter_source("url") == ParameterSource.COMMANDLINE
    return url or "" if is_typed or resolved.layer in (FLAG, PROJECT) else ""


def _assess(integration: Integration) -> list[dict[str, Any]]:
    """What is wrong with URL, annotations and attachments, as make-url and annotate give it."""
    from crashtool.formats.submission_url import check_url

    relative = {item.path for item in integration.plan.attachments if not is_absolute(item.path)}
    entries: list[dict[str, Any]] = [
        finding._replace(subject=own if own in relative else finding.subject)._asdict()
        for finding in check_plan(_as_started(integration.plan))
        for own in [finding.subject.removeprefix("/")]
    ]
    findings = check_url(integration.url) if integration.url else ()
    return entries + [
        {**finding._asdict(), "corrected": finding.corrected and redact_token(finding.corrected)}
        for finding in findings
    ]


def _say(console: Console, findings: list[dict[str, Any]]) -> None:
    from crashtool.render.start_handler import MAX_SUBJECT

    for finding in findings:
        subject = f" {finding['subject'][:MAX_SUBJECT]}:" if "subject" in finding else ""
        text = f"{finding['rule']}:{subject} {finding['cause']} {finding['consequence']}"
        hint = f"corrected: {finding['corrected']}" if finding.get("corrected") else None
        if finding["severity"] == ERROR:
            console.error(CheckFailed(text, hint=hint))
        else:
            console.warn(text, hint=hint)


def _as_started(plan: StartPlan) -> StartPlan:
    """The plan as StartHandler gets it: relative paths begin in some folder by then."""
    return plan._replace(
        attachments=tuple(
            item if is_absolute(item.path) else item._replace(path=f"/{item.path}")
            for item in plan.attachments
        )
    )


def _make_texts(integration: Integration) -> dict[str, str]:
    """The files by name, the README last."""
    from crashtool.render.integration.cmake import CMAKE_NAME, cmake_text
    from crashtool.render.integration.msbuild import PROPS_NAME, props_text
    from crashtool.render.integration.readme import README_NAME, readme_text
    from crashtool.render.integration.source import (
        HEADER_NAME,
        SOURCE_NAME,
        header_text,
        source_text,
    )
    from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold

    rows = [
        (HEADER_NAME, header_text(integration), "`Start()`, to be called by `main()`"),
        (SOURCE_NAME, source_text(integration), "starts the handler"),
        (CMAKE_NAME, cmake_text(integration), "CMake: compiles, links, ships the handler"),
        (SCAFFOLDS["cmake"].template, read_scaffold("cmake"), "CMake: symbols"),
    ]
    if WINDOWS in integration.layouts:
        targets = SCAFFOLDS["msbuild"].template
        rows += [
            (PROPS_NAME, props_text(integration), "MSBuild: compiles, links, ships the handler"),
            (targets, read_scaffold("msbuild"), "MSBuild: symbols"),
        ]
    summaries = {name: summary for name, _, summary in rows}
    texts = {name: text for name, text, _ in rows}
    return {**texts, README_NAME: readme_text(integration, summaries)}


class Limit(NamedTuple):
    """Something that is to be said besides what was written."""

    text: str
    hint: str | None = None
    is_warning: bool = False


def _walk_limits(integration: Integration, wanted: tuple[str, ...]) -> Iterator[Limit]:
    """What this Crashpad cannot do, and what is left to do."""
    from crashtool.render.integration.crashpad_parts import PLATFORM_NAMES

    release, plan = integration.release, integration.plan
    for platform in wanted:
        if platform not in integration.layouts:
            yield Limit(
                f"the build files are not for {PLATFORM_NAMES[platform]}: this Crashpad "
                "comes in another form there (see crashtool scaffold obtain)"
            )
    if plan.attachments and not release.takes_attachments:
        yield Limit(
            "this Crashpad takes no attachments: they are left out",
            "a Crashpad since 2020-06-24 does",
            is_warning=True,
        )
    elif plan.attachments and not release.mac_attachments and "macos" in wanted:
        yield Limit(
            "on macOS this Crashpad takes no attachments: they are left out there", is_warning=True
        )
    if release.from_calls:
        yield Limit(
            "the header of this Crashpad was not read when crashtool was made, only calls "
            "of it: if it does not compile, please report it"
        )
    if not integration.url:
        yield Limit(URL_LEFT)
