"""A crashtool.toml with every setting in it, each explained and commented out."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.table import INSIDE, NOTHING, SETTINGS, Setting


class Explanation(NamedTuple):
    """What a setting means, and a value for it as TOML has it."""

    meaning: str
    example: str


GROUPS: dict[str, dict[str, Explanation]] = {
    "Where reports go. Either a whole URL, or what it is made of (`crashtool make-url`)": {
        "universe": Explanation("Your subdomain at Backtrace.", '"acme"'),
        "host": Explanation("Your own server, in place of Backtrace's.", '"crash.example.com"'),
        "url": Explanation(
            "The whole submission URL. It holds the token: whoever reads this file can send "
            "reports.",
            '"https://submit.backtrace.io/acme/TOKEN/minidump"',
        ),
        "symbols_url": Explanation(
            "The whole URL for symbols, with the other token.",
            '"https://submit.backtrace.io/acme/SYMBOLTOKEN/symbols"',
        ),
    },
    "Tokens. Better in the environment (CRASHTOOL_TOKEN, CRASHTOOL_SYMBOLS_TOKEN) or in files that "
    "are not committed": {
        "token": Explanation("The submission token, for reports.", '"TOKEN"'),
        "token_file": Explanation("A file that holds the submission token.", '"token.txt"'),
        "symbols_token": Explanation("The token for symbols; it is another one.", '"SYMBOLTOKEN"'),
        "symbols_token_file": Explanation(
            "A file that holds the token for symbols.", '"symbols-token.txt"'
        ),
        "token_hosts": Explanation(
            "Servers of your own that a project file may name and that get your tokens.",
            '["crash.example.com"]',
        ),
    },
    "The local receiver, `crashtool serve`": {
        "serve_token": Explanation(
            "The only token that `serve` lets in; it is shown in its URL.", '"TOKEN"'
        ),
        "serve_token_file": Explanation(
            "A file that holds the token of `serve`.", '"serve-token.txt"'
        ),
    },
    "What reports say": {
        "attachments": Explanation(
            "Files that go with a report, [NAME=]PATH.", '["game.log", "settings.json"]'
        ),
        "annotations": Explanation(
            "Keys and values that go with a report; prod and ver are the product and its version.",
            '\\nprod = "Game"\\nver = "1.4.2"',
        ),
        "tag": Explanation("The tag of uploaded symbols, such as the version.", '"1.4.2"'),
    },
    "Symbols": {
        "symbols": Explanation("Where debug files of this project are.", '["build", "symbols"]'),
        "symbol_servers": Explanation(
            "Symbol servers that are asked for all others.", '["https://symbols.example.com"]'
        ),
        "no_local_symbols": Explanation("Use only the symbols that are named.", "true"),
        "offline": Explanation("Ask no symbol server.", "true"),
        "cache": Explanation("Where fetched symbols are kept.", '".cache/crashtool"'),
        "cache_size": Explanation("What the cache may grow to.", '"8G"'),
    },
    "The handler and its database": {
        "handler": Explanation("The crashpad_handler.", '"/opt/game/crashpad_handler"'),
        "database": Explanation("The Crashpad database.", '"crashes"'),
        "journal": Explanation("Where send-dump remembers what was accepted.", '"sent"'),
    },
    "Groups of crashes, `crashtool triage`": {
        "triage_rules": Explanation(
            "A file with rules of grouping; the rules may also stand in this table.",
            '"triage.toml"',
        ),
        "triage_baseline": Explanation(
            "The groups that are known; all others are new.", '"known-crashes.jsonl"'
        ),
    },
    "The network, and what is shown": {
        "ca_bundle": Explanation("Certificate authorities to trust, PEM.", '"ca.pem"'),
        "insecure": Explanation("Do not verify TLS certificates.", "true"),
        "timeout": Explanation("Seconds to wait for a silent server.", "60"),
        "retry_for": Explanation("Seconds to go on trying when a server is down.", "60"),
        "color": Explanation("auto, always or never.", '"auto"'),
    },
}
"""Every setting but none twice: a test holds this against SETTINGS."""

HEAD = """\
# Settings of crashtool for this project, read in this folder and below it. An option or a variable
# (CRASHTOOL_ and the name in capitals) overrides this file; `crashtool COMMAND --show-settings`
# shows which one counts. Paths are relative to this file. Remove the # before what you set.
"""
WIDTH = 100


def project_template() -> str:
    """The text of the file. Whatever is uncommented in it is valid TOML and a known setting."""
    parts = [HEAD]
    last: list[str] = []  # tables: they swallow what follows them
    for title, rows in GROUPS.items():
        head = "".join(f"\n# {line}" for line in _wrap(f"{title}.")) + "\n"
        table = SETTINGS[next(iter(rows))].table
        lines = last if table else parts
        lines.append(head + (f"\n#[{table}]\n" if table else ""))
        for name, explanation in rows.items():
            is_table = SETTINGS[name].kind == "pairs"
            (last if is_table else lines).append(_entry(SETTINGS[name], explanation))
    return "".join([*parts, *last])


def _entry(setting: Setting, explanation: Explanation) -> str:
    limits = {
        INSIDE: " In this folder, unless " + (setting.flag or setting.variable) + " names it.",
        NOTHING: f" Not from a project's file: {setting.flag or setting.variable}, or your own "
        "config.toml.",
    }
    meaning = explanation.meaning + limits.get(setting.from_project, "")
    lines = [f"\n# {line}" for line in _wrap(meaning)]
    value = explanation.example.replace("\\n", "\n")
    if setting.kind == "pairs":
        table = f"[{setting.name}]{value}"
        lines += [f"\n# {line}" for line in _wrap("Keep this table at the end of the file.")]
        return "".join(lines) + "".join(f"\n#{line}" for line in table.split("\n")) + "\n"
    return "".join(lines) + f"\n#{setting.key} = {value}\n"


def _wrap(text: str) -> list[str]:
    from textwrap import wrap

    return wrap(text, WIDTH - 2)
