"""doctor: what is wrong with a Crashpad integration, what follows, and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import annotation_options, probe_options, token_options
from crashtool.errors import CHECK_FAILED, CannotWrite, UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import step_summary_file
from crashtool.services.settings.table import SETTINGS


class DoctorOptions(NamedTuple):
    """The options of one call, times in seconds."""

    paths: tuple[str, ...]
    annotations: tuple[str, ...] | None
    attachments: tuple[str, ...] | None
    url: str | None
    token: str | None
    token_file: str | None
    handler: str | None
    handler_arguments: tuple[str, ...]
    database: str | None
    configuration: str | None
    root: str | None
    probe: bool
    ca_bundle: str | None
    insecure: bool | None
    timeout: float | None
    ci_system: str | None


@click.command(cls=Command)
@click.argument("paths", nargs=-1, metavar="PATH...")
@annotation_options
@click.option("--url", metavar="URL", help="The submission URL that the program will use.")
@token_options
@click.option(
    "--handler",
    type=click.Path(),
    metavar="PATH",
    help="The crashpad_handler that the program will start (default: the one beside it).",
)
@click.option(
    "--handler-argument",
    "handler_arguments",
    multiple=True,
    metavar="ARGUMENT",
    help="What the program gives its handler in `arguments`, as in "
    "--handler-argument=--no-rate-limit. Repeatable.",
)
@click.option(
    "--database",
    type=click.Path(),
    metavar="DIR",
    help="Where the program will have its Crashpad database.",
)
@click.option(
    "--config",
    "configuration",
    metavar="NAME",
    help="Look at this configuration of a build alone: Release, or Release|x64.",
)
@click.option(
    "--root",
    type=click.Path(),
    metavar="DIR",
    help="Use this folder as the root of the system, as with an unpacked container image.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Also ask the URL's server, without token or report, whether it can be reached.",
)
@probe_options
@click.option(
    "--ci",
    "ci_system",
    type=click.Choice(["github"]),
    help="Also write annotations for this CI system and its job summary.",
)
@click.pass_context
def command(context: click.Context, /, console: Console, **values: Any) -> None:
    """Check a Crashpad integration: what is wrong, what follows, what to type.

    PATH is a project folder, a build or install folder, a program or library, a macOS .app, a
    crashpad_handler, a .vcxproj, .props or .xcodeproj, a CMake build folder, an archive or package
    (.zip, .tar.gz, .deb, .rpm, AppImage), a Crashpad database, a .reg file (default: the current
    folder). Kinds are recognized by content. Also checked: the settings
    (crashtool.toml, flags) and this machine; with --root, that system instead of it.

    Your program is never run: `crashtool smoke` and `crashtool run` do that. A handler for this
    machine is started for its --help and for one question over its socket, in a temporary database
    and without a URL.

    \b
    Examples:
      crashtool doctor
      crashtool doctor dist/ --url "$SUBMISSION_URL" --probe
      crashtool doctor game.vcxproj --config "Release|x64"
      crashtool doctor --root image/ image/opt/game

    Exit status: 0 without a failure, warnings or not; 3 when a path cannot be looked at, 4 when a
    check failed.
    """  # noqa: D301 (\b is click's)
    from crashtool.render.doctor import diagnosis_document, render_diagnosis
    from crashtool.services.integration.doctor.diagnose import diagnose

    options = DoctorOptions(**values)
    if options.insecure:
        console.warn_of_insecurity()
    diagnosis = diagnose(options.paths or (".",), _read_options(options))
    _report_to_ci(console, options.ci_system, diagnosis)
    if console.json:
        console.document(diagnosis_document(diagnosis))
    else:
        console.answer(render_diagnosis(diagnosis, verbose=console.verbosity > 0))
    if diagnosis.has_failed:
        context.exit(CHECK_FAILED)


def _read_options(options: DoctorOptions) -> Any:
    from crashtool.services.integration.doctor.examination import Options

    root = Path(options.root) if options.root else None
    if root is not None and not root.is_dir():
        raise UsageError(f"--root {root}: not a folder", hint="name the folder that holds usr/")
    return Options(
        root=root,
        configuration=options.configuration or "",
        probe=options.probe,
        handler_arguments=options.handler_arguments,
        may_start=bool(options.paths or options.handler),
        settings={name: value for name, value in options._asdict().items() if name in SETTINGS},
        ca_bundle=options.ca_bundle,
        insecure=bool(options.insecure),
        timeout=options.timeout,
    )


def _report_to_ci(console: Console, system: str | None, diagnosis: Any) -> None:
    if not system:
        return
    from crashtool.render.doctor import render_github, render_summary
    from crashtool.services.files.whole_file import append_text

    for line in render_github(diagnosis):
        console.ci_command(line)
    if summary := step_summary_file():
        try:
            append_text(summary, render_summary(diagnosis))
        except CannotWrite as failure:  # the answer is on stdout all the same
            console.warn(f"the job's summary is not complete: {failure.what}")
