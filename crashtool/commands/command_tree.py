"""The commands as plain values, read from click: what generators and completions are made of."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click

from crashtool.model.command_line import CommandEntry, Parameter


def read_commands(root: click.Group) -> list[CommandEntry]:
    """The root command, then each of its commands, groups with theirs."""
    context = click.Context(root, info_name="crashtool", **root.context_settings)
    return [_read_command("crashtool", root, context), *_read_group("", root, context)]


def _read_group(
    group: str, command: click.Command, context: click.Context
) -> Iterator[CommandEntry]:
    """The commands of a group, in the order of its table."""
    if not isinstance(command, click.Group):
        return
    for word in command.list_commands(context):
        child = command.get_command(context, word)
        assert child is not None  # noqa: S101 (a group knows its commands)
        child_context = click.Context(child, info_name=word, parent=context)
        entry = _read_command(f"{group} {word}".strip(), child, child_context)
        yield entry._replace(subcommands=tuple(_read_group(entry.name, child, child_context)))


def _read_command(name: str, command: click.Command, context: click.Context) -> CommandEntry:
    paragraphs = [
        part for part in inspect.cleandoc(command.help or "").split("\n\n") if part.strip()
    ]
    return CommandEntry(
        name,
        " ".join(paragraphs[0].split()),
        " ".join([context.command_path, *command.collect_usage_pieces(context)]),
        tuple(paragraphs),
        tuple(_read_parameter(param, context) for param in command.get_params(context)),
    )


def _read_parameter(param: click.Parameter, context: click.Context) -> Parameter:
    is_option = isinstance(param, click.Option)
    takes_value = not (
        is_option and (getattr(param, "is_flag", False) or getattr(param, "count", False))
    )
    kind: Any = param.type
    return Parameter(
        param.name or "",
        tuple(param.opts + param.secondary_opts) if is_option else (),
        param.make_metavar(context) if takes_value else "",
        getattr(param, "help", None) or "",
        takes_value,
        tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else (),
        isinstance(kind, click.Path | click.File),
    )
