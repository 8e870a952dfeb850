"""completions/*: static scripts for bash, zsh, fish, PowerShell; a key press starts no Python."""

from tools.command_tree import CommandEntry, Parameter, read_commands, walk_entries


def render_completions() -> dict[str, str]:
    """File name → script."""
    entries = read_commands()
    root, commands = entries[0], [_gather(entry) for entry in entries[1:]]
    return {
        "crashtool.bash": _bash(root, commands),
        "_crashtool": _zsh(root, commands),
        "crashtool.fish": _fish(root, commands),
        "crashtool.ps1": _powershell(root, commands),
    }


def _gather(entry: CommandEntry) -> CommandEntry:
    """A group with the options of all its commands: which one it is does not matter to a person."""
    rows = [param for child in walk_entries([entry]) for param in child.parameters]
    unique = {param.flags or (param.name,): param for param in rows}
    return entry._replace(parameters=tuple(unique.values()))


def _words(entry: CommandEntry) -> list[str]:
    """What may come right after a group's name."""
    return [child.name.rpartition(" ")[2] for child in entry.subcommands]


def _flags(entry: CommandEntry) -> list[str]:
    return [flag for param in entry.parameters for flag in param.flags]


def _choices(entry: CommandEntry) -> list[Parameter]:
    return [param for param in entry.parameters if param.flags and param.choices]


def _takes_files(param: Parameter) -> bool:
    return param.takes_value and not param.choices


def _bash(root: CommandEntry, commands: list[CommandEntry]) -> str:
    names = " ".join(entry.name for entry in commands)
    cases = []
    for entry in commands:
        values = "".join(
            f"            {'|'.join(param.flags)}) words='{' '.join(param.choices)}' ;;\n"
            for param in _choices(entry)
        )
        plain = [flag for param in entry.parameters if _takes_files(param) for flag in param.flags]
        files = f"            {'|'.join(plain)}) words= ;;\n" if plain else ""
        if entry.subcommands:
            files += f"            {entry.name}) words='{' '.join(_words(entry))}' ;;\n"
        cases.append(
            f"    {entry.name})\n"
            f'        case "$previous" in\n{values}{files}'
            f"            *) [[ $current == -* ]] && words='{' '.join(_flags(entry))}' ;;\n"
            "        esac ;;\n"
        )
    return f"""# bash completion for crashtool
_crashtool() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= words= word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] || {{ command=$word; break; }}
    done
    COMPREPLY=()
    case "$command" in
    '') words='{names} {" ".join(_flags(root))}' ;;
{"".join(cases)}    esac
    if [[ $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    fi
}}
complete -o bashdefault -o default -F _crashtool crashtool
"""


def _zsh(root: CommandEntry, commands: list[CommandEntry]) -> str:
    rows = "".join(f"    {_zsh_quote(f'{e.name}:{e.summary}')}\n" for e in commands)
    cases = []
    for entry in commands:
        specs = "".join(
            f"          {_zsh_spec(param, flag)} \\\n"
            for param in entry.parameters
            for flag in param.flags
        )
        words = f"'1:command:({' '.join(_words(entry))})' " if entry.subcommands else ""
        cases.append(
            f"        {entry.name})\n          _arguments \\\n{specs}"
            f"          {words}'*:file:_files' ;;\n"
        )
    options = "".join(
        f"    {_zsh_spec(param, flag)} \\\n" for param in root.parameters for flag in param.flags
    )
    return f"""#compdef crashtool
# zsh completion for crashtool
_crashtool() {{
  local -a commands
  commands=(
{rows}  )
  local curcontext=$curcontext state line
  _arguments -C \\
{options}    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
{"".join(cases)}      esac ;;
  esac
}}
_crashtool "$@"
"""


def _zsh_spec(param: Parameter, flag: str) -> str:
    help_text = "".join("\\" + c if c in "[]:\\" else c for c in " ".join(param.help.split()))
    if param.choices:
        value = f":value:({' '.join(param.choices)})"
    elif param.takes_value:
        value = ":value:_files"
    else:
        value = ""
    return _zsh_quote(f"*{flag}[{help_text}]{value}")


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(root: CommandEntry, commands: list[CommandEntry]) -> str:
    names = " ".join(entry.name for entry in commands)
    lines = [
        "# fish completion for crashtool",
        f"set -l commands {names}",
        *(
            f"complete -c crashtool -n 'not __fish_seen_subcommand_from $commands' "
            f"-f -a {entry.name} -d {_fish_quote(entry.summary)}"
            for entry in commands
        ),
    ]
    lines += [
        f"complete -c crashtool -n '__fish_seen_subcommand_from {entry.name}' "
        f"-f -a {_fish_quote(' '.join(_words(entry)))}"
        for entry in commands
        if entry.subcommands
    ]
    for entry in (root, *commands):
        where = (
            "'not __fish_seen_subcommand_from $commands'"
            if entry is root
            else f"'__fish_seen_subcommand_from {entry.name}'"
        )
        lines += [_fish_option(where, param) for param in entry.parameters if param.flags]
    return "\n".join(lines) + "\n"


def _fish_option(where: str, param: Parameter) -> str:
    parts = [f"complete -c crashtool -n {where}"]
    parts += [
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in param.flags
    ]
    if param.choices:
        parts.append(f"-x -a {_fish_quote(' '.join(param.choices))}")
    elif param.takes_value:
        parts.append("-r")
    parts.append(f"-d {_fish_quote(' '.join(param.help.split()))}")
    return " ".join(parts)


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(root: CommandEntry, commands: list[CommandEntry]) -> str:
    rows = "".join(
        f"        {_ps_quote(entry.name)} = @({', '.join(map(_ps_quote, _flags(entry)))})\n"
        for entry in commands
    )
    choices = "".join(
        f"        '{entry.name} {flag}' = @({', '.join(map(_ps_quote, param.choices))})\n"
        for entry in commands
        for param in _choices(entry)
        for flag in param.flags
    )
    groups = "".join(
        f"        {_ps_quote(entry.name)} = @({', '.join(map(_ps_quote, _words(entry)))})\n"
        for entry in commands
        if entry.subcommands
    )
    summaries = "".join(
        f"        {_ps_quote(entry.name)} = {_ps_quote(entry.summary)}\n" for entry in commands
    )
    top = ", ".join(map(_ps_quote, _flags(root)))
    return f"""# PowerShell completion for crashtool
Register-ArgumentCompleter -Native -CommandName crashtool -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $summaries = [ordered]@{{
{summaries}    }}
    $options = @{{
{rows}    }}
    $choices = @{{
{choices}    }}
    $groups = @{{
{groups}    }}
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object {{ $_.Extent.EndOffset -lt $cursorPosition }} | ForEach-Object {{ "$_" }})
    $command = $words | Where-Object {{ $_ -notlike '-*' }} | Select-Object -First 1
    if (-not $command) {{
        $candidates = @($summaries.Keys) + @({top})
    }} elseif ($words.Count -and $choices.ContainsKey("$command $($words[-1])")) {{
        $candidates = $choices["$command $($words[-1])"]
    }} elseif ($words.Count -and $groups.ContainsKey("$($words[-1])")) {{
        $candidates = $groups["$($words[-1])"]
    }} elseif ($wordToComplete -like '-*') {{
        $candidates = $options[$command]
    }} else {{
        return
    }}
    $candidates | Where-Object {{ $_ -like "$wordToComplete*" }} | ForEach-Object {{
        $tip = if ($summaries.Contains($_)) {{ $summaries[$_] }} else {{ $_ }}
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $tip)
    }}
}}
"""


def _ps_quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
