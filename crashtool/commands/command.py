"""What every subcommand has: the shared options, settings behind the flags, a console."""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

import click
from click.core import ParameterSource

from crashtool.commands.console import Console, find_width, wants_color
from crashtool.services.settings.layers import Resolved, Settings, current_settings, mask
from crashtool.services.settings.resolution import Habits, resolve
from crashtool.services.settings.table import SETTINGS

WITHHELD = "crashtool.withheld"  # of a context: why the user's token is not used
HOW_TO_LIST = "crashtool scaffold toml prints every setting: a variable is CRASHTOOL_ and its name"
MAX_SUMMARY = 200  # letters; click cuts at what fits into the line
RESOLVED = "crashtool.resolved"  # of a context: its settings, each with where it came from


class Command(click.Command):
    """A click command whose parameters named like a setting fall back to that setting.

    The callback gets a `console` besides its own parameters. Declare subcommands with
    `@click.command(cls=Command)`; options for settings have no default but None.
    """

    SHARED: ClassVar[tuple[str, ...]] = (
        "json",
        "quiet",
        "verbose",
        "color",
        "project_file",
        "show_settings",
    )

    HABITS: ClassVar[Habits] = Habits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.no_args_is_help = False
        self.params += [
            click.Option(["--json"], is_flag=True, help="Answer with one JSON document."),
            click.Option(["-q", "--quiet"], is_flag=True, help="Say nothing but errors."),
            click.Option(["-v", "--verbose"], is_flag=True, help="Say more on stderr."),
            click.Option(
                ["--color"],
                type=click.Choice(["auto", "always", "never"]),
                help="Colour: auto (on a terminal, unless NO_COLOR is set), always or never.",
            ),
            click.Option(
                ["--project-file"],
                metavar="FILE",
                help="Read this crashtool.toml, and trust it like what you typed; an empty name "
                "reads none (default: the first one found upwards, if it is safe).",
            ),
            click.Option(
                ["--show-settings"],
                is_flag=True,
                help="Show each setting of this command, its value and its source, and stop.",
            ),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; --show-settings needs no argument that the work itself would need."""
        before_separator = args[: args.index("--")] if "--" in args else args
        if "--show-settings" in before_separator:
            ctx.resilient_parsing = True
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:  # click's parser does not say whose options these are
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Fill in settings, hand over a console, run the callback."""
        console = Console(json=bool(ctx.params.get("json")))
        ctx.meta["crashtool.console"] = console
        options = {name: ctx.params.pop(name, None) for name in self.SHARED if name != "color"}
        resolved = self._resolve(ctx, options["project_file"], tolerant=options["show_settings"])
        color = ctx.params.pop("color", None) or "auto"
        console.verbosity = -1 if options["quiet"] else int(bool(options["verbose"]))
        console.color = wants_color(color, os.environ, sys.stdout)
        console.color_notes = wants_color(color, os.environ, sys.stderr)
        console.width = find_width(os.environ, sys.stdout)
        console.note_width = find_width(os.environ, sys.stderr)
        console.live = sys.stderr.isatty() and not os.environ.get("CI")
        _warn_of_unknown_variables(console, resolved[1])
        if options["show_settings"]:
            return show_settings(console, *resolved)
        ctx.params["console"] = console
        return super().invoke(ctx)

    def _resolve(
        self, ctx: click.Context, project_file: str | None, *, tolerant: bool
    ) -> tuple[dict[str, Resolved], Settings]:
        """Put what the settings say under the flags; a token that is withheld into `ctx.meta`."""
        settings = current_settings(project_file, tolerant=tolerant)
        params = {param.name: param for param in self.params if param.name in SETTINGS}
        typed = {
            name: ctx.params.get(name)
            for name in params
            if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
        }
        values, withheld = resolve(settings, params, typed, self.HABITS, tolerant=tolerant)
        ctx.meta[WITHHELD], ctx.meta[RESOLVED] = withheld, values
        for name, setting in values.items():
            default = setting.source == "default"
            if default:
                values[name] = Resolved(ctx.params.get(name), "default")
            else:
                ctx.params[name] = params[name].type_cast_value(ctx, setting.value)
        return values, settings


class CommandGroup(click.Group):
    """A group whose help has each command's first sentence whole, on several lines if need be."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(MAX_SUMMARY)) for name, one in commands if one]
            )


def _warn_of_unknown_variables(console: Console, settings: Settings) -> None:
    """Say that a variable is ignored: a mistyped one changes nothing, and nobody would know."""
    unknown = settings.list_unknown_variables()
    if not unknown:
        return
    from crashtool.services.settings.environment_variables import walk_nearest  # seldom needed

    for name, nearest in walk_nearest(unknown):
        hint = f"did you mean {nearest}?" if nearest else HOW_TO_LIST
        console.warn(
            f"the environment variable {name} is ignored: crashtool has none of that name",
            hint=hint,
        )


def show_settings(console: Console, resolved: dict[str, Resolved], settings: Settings) -> None:
    """Print where each setting came from, and why one was refused; secrets masked."""
    refused = settings.problem.what if settings.problem else None
    if console.json:
        rows = {
            name: {
                "value": mask(name, setting.value) if setting.value else None,
                "source": setting.source,
            }
            for name, setting in resolved.items()
        }
        console.document({"settings": rows} | ({"refused": refused} if refused else {}))
        return
    from crashtool.render.page import Page

    shown = [
        (name, mask(name, setting.value) if setting.value else "-", setting.source)
        for name, setting in resolved.items()
    ]
    console.answer(Page().table(shown, indent=0))
    if settings.problem:
        console.error(settings.problem)
