"""database: what a Crashpad database holds, and why each report was or was not uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.byte_size import ByteSize
from crashtool.commands.command import Command, CommandGroup
from crashtool.commands.console import Console
from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.files.path_patterns import expand_one

if TYPE_CHECKING:
    from crashtool.formats.crashpad.database_report import Database

NEVER = "never"
DAY = 86400  # seconds


@click.group(cls=CommandGroup)
def command() -> None:
    """Show a Crashpad database, and why each report was or was not uploaded.

    A database is the folder that the handler was given, of Linux, macOS or Windows, also copied
    from another machine, also in a zip or tar. No handler runs; nothing is written unless asked.

    \b
    crashtool database list crashes/                        each report, with the reason
    crashtool database show crashes/ 0123abcd               all that is known of one
    crashtool database settings crashes/ --uploads enabled  the user's consent
    crashtool database resend crashes/ 0123abcd             have the next handler send it
    crashtool database prune crashes/ --older-than 90       delete what was uploaded long ago
    """  # noqa: D301 (click reads the \b)


@command.command("list", cls=Command)
@click.argument("path", metavar="DATABASE")
@click.option("--unsent", is_flag=True, help="Only reports that were never uploaded.")
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N", help="At most this many, the newest first."
)
@click.option("--newest", is_flag=True, help="Only the newest report: --limit 1.")
def list_reports(
    console: Console, *, path: str, unsent: bool, limit: int | None, newest: bool
) -> None:
    """List the reports, newest first, each with its state and the reason for it.

    A summary comes first. What belongs to no report (attachments, metadata or records whose
    minidump is gone) comes last: prune --leftovers deletes it.

    \b
    Examples:
      crashtool database list crashes/ --unsent --limit 20
      crashtool database list crashes.zip --json

    Exit status: 0, or 3 for a folder that is not a database.
    """  # noqa: D301
    import time

    from crashtool.formats.crashpad.leftovers import find_leftovers
    from crashtool.render.database import database_document, render_list
    from crashtool.services.database.locate_database import newest_first, open_any

    if newest and limit is not None:
        raise UsageError("--newest and --limit cannot be combined")
    with open_any(path) as database:
        reports = newest_first(
            report for report in database.reports if not (unsent and report.uploaded)
        )
        shown = reports[: 1 if newest else limit]
        leftovers = find_leftovers(database, time.time())
        if console.json:
            console.document(database_document(database, shown, leftovers))
        else:
            more, in_place = len(reports) - len(shown), _is_in_place(database, path)
            console.answer(render_list(database, shown, more, leftovers, in_place=in_place))


def _is_in_place(database: Database, path: str) -> bool:
    """Whether a database is what was named, and not the copy in an archive of that name."""
    return database.path == Path(expand_one(path))


@command.command("show", cls=Command)
@click.argument("path", metavar="DATABASE")
@click.argument("uuid", metavar="UUID")
def show(console: Console, *, path: str, uuid: str) -> None:
    """Show all that is known of one report; the start of its UUID is enough.

    Exit status: 0, 2 for a report that is not there, 3 for a folder that is not a database.
    """
    from crashtool.render.database import database_document, render_report
    from crashtool.services.database.locate_database import find_report, open_any

    with open_any(path) as database:
        report = find_report(database, uuid)
        if console.json:
            console.document(database_document(database, (report,)))
        else:
            in_place = _is_in_place(database, path)
            console.answer(render_report(database, report, in_place=in_place))


@command.command("settings", cls=Command)
@click.argument("path", metavar="DATABASE")
@click.option(
    "--uploads",
    type=click.Choice(["enabled", "disabled"]),
    help="Set whether handlers may upload: the user's consent.",
)
@click.option(
    "--last-upload-attempt",
    "last",
    metavar="TIME|never",
    help="Set when an upload was last tried, as Unix time: never ends a rate limit.",
)
@click.option("--reset", is_flag=True, help="Replace damaged settings by new ones.")
def settings(
    console: Console, *, path: str, uploads: str | None, last: str | None, reset: bool
) -> None:
    """Show the settings, or set the consent and the time of the last upload attempt.

    They are written under Crashpad's lock, so that handlers may be running.

    \b
    Examples:
      crashtool database settings crashes/
      crashtool database settings crashes/ --uploads enabled --last-upload-attempt never

    Exit status: 0, or 3 for a folder that is not a database or has damaged settings.
    """  # noqa: D301
    from crashtool.render.database import database_document, render_settings
    from crashtool.services.database.locate_database import open_any

    if uploads or last is not None or reset:
        _change(path, uploads, last, reset=reset)
    with open_any(path) as database:
        if console.json:
            console.document(database_document(database, ()))
        else:
            console.answer(render_settings(database))


def _change(path: str, uploads: str | None, last: str | None, *, reset: bool) -> None:
    from crashtool.services.database.locate_database import open_folder
    from crashtool.services.database.settings_file import change_settings

    if last is not None and last != NEVER and not (last.isascii() and last.isdigit()):
        raise UsageError(f"--last-upload-attempt {last} is not a Unix time", hint="or say: never")
    attempt: int | None = None if last is None else 0 if last == NEVER else int(last)
    if attempt is not None and attempt >= 1 << 63:
        raise UsageError(f"--last-upload-attempt {last} is beyond what a Unix time can be")
    database = open_folder(path)
    consent = None if uploads is None else uploads == "enabled"
    change_settings(
        database.path, uploads_enabled=consent, last_upload_attempt=attempt, reset=reset
    )


@command.command("resend", cls=Command)
@click.argument("path", metavar="DATABASE")
@click.argument("uuids", nargs=-1, required=True, metavar="UUID...")
def resend(console: Console, path: str, uuids: tuple[str, ...]) -> None:
    """Have the next handler send reports that were given up, regardless of consent and limits.

    As Crashpad's own RequestUpload does, in databases of Linux, macOS and Windows. To send them
    now, without a handler: crashtool send-dump.

    Exit status: 0, 2 for what cannot be sent again, 3 for a folder that is not a database or is in
    use.
    """
    from crashtool.render.database import database_document, render_reports
    from crashtool.services.database.changing import request_upload
    from crashtool.services.database.locate_database import find_reports, open_folder

    database = open_folder(path)
    chosen = find_reports(database, uuids)
    for report in chosen:
        request_upload(database, report)
    changed = {report.uuid for report in chosen}
    database = open_folder(path)
    reports = tuple(report for report in database.reports if report.uuid in changed)
    if console.json:
        console.document(database_document(database, reports))
    else:
        console.answer(render_reports(database, reports))


class PruneOptions(NamedTuple):
    """The options of one call; `max_size` is in bytes."""

    path: str
    days: float | None
    max_size: int | None
    unsent: bool
    only_leftovers: bool
    dry_run: bool


@command.command("prune", cls=Command)
@click.argument("path", metavar="DATABASE")
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Delete reports that were made before that.",
)
@click.option(
    "--max-size",
    type=ByteSize(),
    metavar="SIZE",
    help="Delete the oldest until at most this is left: 128M, 1G.",
)
@click.option("--unsent", is_flag=True, help="Delete also what was never uploaded.")
@click.option(
    "--leftovers",
    "only_leftovers",
    is_flag=True,
    help="Delete only what belongs to no report, whatever its age.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Only list what would be deleted.")
def prune(console: Console, **values: Any) -> None:
    """Delete old reports, with their attachments; what was never uploaded stays unless asked for.

    What belongs to no report goes, too, by Crashpad's own rules: nothing that a handler has locked,
    or began to write within three days. Handlers prune once a day: what is older than a year, or
    beyond 128 MB.

    \b
    Examples:
      crashtool database prune crashes/ --older-than 90 --dry-run
      crashtool database prune crashes/ --max-size 1G --unsent

    Exit status: 0, or 3 for a folder that is not a database or is in use.
    """  # noqa: D301
    import time

    from crashtool.formats.crashpad.leftovers import find_leftovers
    from crashtool.render.database import database_document, render_pruned
    from crashtool.services.database.changing import choose_stale, delete_reports
    from crashtool.services.database.locate_database import open_folder
    from crashtool.services.database.remove_leftovers import remove_leftovers

    options = PruneOptions(**values)
    if options.days is None and options.max_size is None and not options.only_leftovers:
        raise UsageError(
            "no condition given for what to delete",
            hint="--older-than DAYS, --max-size SIZE or --leftovers",
        )
    database = open_folder(options.path)
    age = None if options.days is None else options.days * DAY
    stale = tuple(
        choose_stale(
            database, age=age, max_size=options.max_size, unsent=options.unsent, now=time.time()
        )
    )
    leftovers = find_leftovers(database, time.time())
    if not options.dry_run:
        delete_reports(database, stale)
        leftovers = tuple(remove_leftovers(database, leftovers))
    if console.json:
        document = database_document(database, stale, leftovers)
        console.document(document | {"deleted": not options.dry_run})
        return
    if stale or leftovers:
        console.answer(render_pruned(database, stale, leftovers))
    done = "would be deleted" if options.dry_run else "were deleted"
    more = f", and {len(leftovers)} leftovers" if leftovers else ""
    console.note(f"{len(stale)} of {len(database.reports)} reports{more} {done}")
