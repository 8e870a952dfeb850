"""The completion script for bash (4.0 or later, for `mapfile`)."""

from __future__ import annotations

from crashtool.model.command_line import CommandEntry, walk_entries

SCRIPT = """\
# bash completion for crashtool
_crashtool() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= words= word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] && continue
        case "$command" in
        '') command=$word ;;
        {groups}) command="$command $word"; break ;;
        *) break ;;
        esac
    done
    COMPREPLY=()
    case "$command" in
{cases}    esac
    if [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}}
complete -o bashdefault -o default -F _crashtool crashtool
"""


def render_bash(entries: list[CommandEntry]) -> str:
    """The script. Where it names no word, bash completes file names."""
    root, *commands = entries
    cases = [_render_root(root, commands)]
    cases += [_render_command(entry) for entry in walk_entries(commands)]
    groups = "|".join(entry.name for entry in commands if entry.subcommands)
    return SCRIPT.format(groups=groups, cases="".join(cases))


def _render_root(root: CommandEntry, commands: list[CommandEntry]) -> str:
    words = " ".join([*(entry.name for entry in commands), *root.flags])
    return f"    '') words='{words}' ;;\n"


def _render_command(entry: CommandEntry) -> str:
    options = [param for param in entry.parameters if param.flags]
    lines = [
        f"        {'|'.join(param.flags)}) words='{' '.join(param.choices)}' ;;\n"
        for param in options
        if param.choices
    ]
    free = [f for param in options if param.takes_value and not param.choices for f in param.flags]
    if free:
        lines.append(f"        {'|'.join(free)}) words= ;;\n")
    lines.append(f"        *) [[ $current == -* ]] && words='{' '.join(entry.flags)}'")
    first = " ".join(child.word for child in entry.subcommands) or " ".join(entry.argument_choices)
    lines.append(f" || words='{first}' ;;\n" if first else " ;;\n")
    body = "".join(lines)
    return f"    '{entry.name}')\n        case \"$previous\" in\n{body}        esac ;;\n"
