"""What every subcommand has: the shared options, settings behind the flags, a console."""

import os
import sys
from typing import Any, ClassVar

import click
from click.core import ParameterSource

from crashtool.commands.console import Console, wants_color
from crashtool.services.settings import SETTINGS, Resolved, current_settings, mask, merge_pairs


class Command(click.Command):
    """A click command whose parameters named like a setting fall back to that setting.

    The callback gets a `console` besides its own parameters. Declare subcommands with
    `@click.command(cls=Command)`; options for settings have no default but None.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("json", "quiet", "verbose", "color", "show_settings")

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
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Fill in settings, hand over a console, run the callback."""
        console = Console(json=bool(ctx.params.get("json")))
        ctx.meta["crashtool.console"] = console
        resolved = self._resolve(ctx)
        options = {name: ctx.params.pop(name, None) for name in self.SHARED}
        color = options["color"] or "auto"
        console.verbosity = -1 if options["quiet"] else int(bool(options["verbose"]))
        console.color = wants_color(color, os.environ, sys.stdout)
        console.color_notes = wants_color(color, os.environ, sys.stderr)
        console.live = sys.stderr.isatty() and not os.environ.get("CI")
        if options["show_settings"]:
            return show_settings(console, resolved)
        ctx.params["console"] = console
        return super().invoke(ctx)

    def _resolve(self, ctx: click.Context) -> dict[str, Resolved]:
        layers = None
        resolved = {}
        for param in self.params:
            name = param.name or ""
            if name not in SETTINGS:
                continue
            layers = layers or current_settings()
            found = layers.find(name)
            value = ctx.params.get(name)
            if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
                found = _under_flag(SETTINGS[name].kind, value, found)
            resolved[name] = found or Resolved(value, "default")
            if found:
                ctx.params[name] = param.type_cast_value(ctx, found.value)
        return resolved


def _under_flag(kind: str, value: Any, found: Resolved | None) -> Resolved:
    if kind != "pairs" or not found:
        return Resolved(value, "flag")
    return Resolved(merge_pairs(found.value, value), f"flag, {found.source}")


def show_settings(console: Console, resolved: dict[str, Resolved]) -> None:
    """Print where each setting came from; secrets masked."""
    if console.json:
        rows = {
            name: {"value": mask(name, value) if value else None, "source": source}
            for name, (value, source) in resolved.items()
        }
        console.document({"settings": rows})
        return
    from crashtool.render.page import Page

    shown = [(name, mask(name, value) if value else "-", source)
             for name, (value, source) in resolved.items()]  # fmt: skip
    console.answer(Page().table(shown, indent=0))
