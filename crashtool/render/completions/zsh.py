"""The completion script for zsh: a function for each command."""

from __future__ import annotations

from crashtool.model.command_line import CommandEntry, Parameter


def render_zsh(entries: list[CommandEntry]) -> str:
    """The script, to stand in a folder of `fpath` as `_crashtool`."""
    root, *commands = entries
    whole = root._replace(subcommands=tuple(commands))
    functions = "".join(_render_functions(whole))
    return (
        f"#compdef crashtool\n# zsh completion for crashtool\n{functions}"
        'if [[ $funcstack[1] == _crashtool ]]; then\n  _crashtool "$@"\n'
        "else  # run as a file, not loaded by name\n  compdef _crashtool crashtool\nfi\n"
    )


def _render_functions(entry: CommandEntry) -> list[str]:
    """The functions of a command's own commands, then its own."""
    inner = [text for child in entry.subcommands for text in _render_functions(child)]
    options = "".join(
        f"    {_quote_option(param, flag)} \\\n"
        for param in entry.parameters
        for flag in param.flags
    )
    body = _render_group(entry, options) if entry.subcommands else _render_leaf(entry, options)
    return [*inner, f"{_function(entry)}() {{\n{body}}}\n"]


def _function(entry: CommandEntry) -> str:
    """A name of its own; crashtool's is the one that zsh loads."""
    if entry.name == "crashtool":
        return "_crashtool"
    return "_crashtool_" + entry.name.replace(" ", "_").replace("-", "_")


def _render_leaf(entry: CommandEntry, options: str) -> str:
    words = " ".join(entry.argument_choices)
    argument = f"'1:argument:({words})'" if words else "'*:file:_files'"
    return f"  _arguments \\\n{options}    {argument}\n"


def _render_group(entry: CommandEntry, options: str) -> str:
    rows = "".join(f"    {_quote(f'{e.word}:{e.summary}')}\n" for e in entry.subcommands)
    cases = "".join(f"        {e.word}) {_function(e)} ;;\n" for e in entry.subcommands)
    return (
        f"  local -a commands\n  commands=(\n{rows}  )\n"
        "  local curcontext=$curcontext state line\n"
        f"  _arguments -C \\\n{options}    '1:command:->command' \\\n    '*::argument:->argument'\n"
        "  case $state in\n    command) _describe command commands ;;\n"
        f"    argument)\n      case $line[1] in\n{cases}      esac ;;\n  esac\n"
    )


def _quote_option(param: Parameter, flag: str) -> str:
    text = "".join("\\" + c if c in "[]:\\" else c for c in " ".join(param.help.split()))
    if param.choices:
        value = f":value:({' '.join(param.choices)})"
    elif param.takes_value:
        value = ":value:_files"
    else:
        value = ""
    return _quote(f"*{flag}[{text}]{value}")


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
