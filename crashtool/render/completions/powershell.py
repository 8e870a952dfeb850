"""The completion script for PowerShell 5 and later."""

from __future__ import annotations

from collections.abc import Iterable

from crashtool.model.command_line import CommandEntry, walk_entries

SCRIPT = """\
# PowerShell completion for crashtool
Register-ArgumentCompleter -Native -CommandName crashtool -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    $commands = @{{
{commands}    }}
    $tips = @{{
{tips}    }}
    $options = @{{
{options}    }}
    $choices = @{{
{choices}    }}
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object {{ $_.Extent.EndOffset -lt $cursorPosition }} | ForEach-Object {{ "$_" }})
    $command = ''
    foreach ($word in @($words | Where-Object {{ $_ -notlike '-*' }})) {{
        if (-not $commands.ContainsKey($command)) {{ break }}
        $command = "$command $word".Trim()
    }}
    if ($words.Count -and $choices.ContainsKey("$command $($words[-1])")) {{
        $candidates = $choices["$command $($words[-1])"]
    }} elseif ($wordToComplete -like '-*') {{
        $candidates = $options[$command]
    }} elseif ($commands.ContainsKey($command)) {{
        $candidates = $commands[$command]
    }} elseif ($choices.ContainsKey($command)) {{
        $candidates = $choices[$command]
    }} else {{
        return
    }}
    $candidates | Where-Object {{ $_ -like "$wordToComplete*" }} | ForEach-Object {{
        $tip = $tips["$command $_".Trim()]
        if (-not $tip) {{ $tip = $_ }}
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $tip)
    }}
}}
"""


def render_powershell(entries: list[CommandEntry]) -> str:
    """The script. Where it names no word, PowerShell completes file names."""
    root, *commands = entries
    whole = [root._replace(name="", subcommands=tuple(commands)), *walk_entries(commands)]
    return SCRIPT.format(
        commands="".join(
            _table_row(entry.name, [child.word for child in entry.subcommands])
            for entry in whole
            if entry.subcommands
        ),
        tips="".join(
            f"        {_quote(entry.name)} = {_quote(entry.summary)}\n" for entry in whole[1:]
        ),
        options="".join(_table_row(entry.name, entry.flags) for entry in whole),
        choices="".join(_walk_choices(whole)),
    )


def _walk_choices(entries: Iterable[CommandEntry]) -> Iterable[str]:
    for entry in entries:
        if entry.argument_choices:
            yield _table_row(entry.name, entry.argument_choices)
        for param in entry.parameters:
            for flag in param.flags if param.choices else ():
                yield _table_row(f"{entry.name} {flag}", param.choices)


def _table_row(key: str, words: Iterable[str]) -> str:
    return f"        {_quote(key)} = @({', '.join(map(_quote, words))})\n"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
