"""The table of settings: what each is, and what a project file may give."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

PREFIX = "CRASHTOOL_"
ANYTHING, INSIDE, NOTHING = "anything", "inside", "nothing"


class Setting(NamedTuple):
    """One setting. `kind` is text, path, number, flag, pairs (a table), paths or texts (lists).

    `from_project` is what a project file may give: anything, files inside its folder, or nothing;
    where it is limited, `flag` is the option by which the user may give what the file may not.
    One with a `table` stands in that table of a file, without the table's name before its own.
    What it means, with an example: `services/integration/project_template.py`.
    """

    name: str
    kind: str = "text"
    secret: bool = False
    from_project: str = ANYTHING
    flag: str = ""
    table: str = ""

    @property
    def key(self) -> str:
        """What it is called where it stands in a file."""
        return self.name.removeprefix(f"{self.table}_") if self.table else self.name

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return PREFIX + self.name.upper()


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("url", secret=True),
        Setting("symbols_url", secret=True),
        Setting("universe"),
        Setting("host"),
        Setting("token", secret=True),
        Setting("symbols_token", secret=True),
        Setting("token_file", "path", from_project=INSIDE, flag="--token-file"),
        Setting("symbols_token_file", "path", from_project=INSIDE, flag="--token-file"),
        Setting("token_hosts", "texts", from_project=NOTHING),
        Setting("serve_token", secret=True, from_project=NOTHING, flag="--token"),
        Setting("serve_token_file", "path", from_project=NOTHING, flag="--token-file"),
        Setting("tag"),
        Setting("annotations", "pairs"),
        Setting("attachments", "paths", from_project=INSIDE, flag="--attachment"),
        Setting("symbols", "paths"),
        Setting("cache", "path", from_project=INSIDE, flag="--cache"),
        Setting("cache_size"),
        Setting("symbol_servers", "texts", secret=True),
        Setting("no_local_symbols", "flag"),
        Setting("offline", "flag"),
        Setting("handler", "path", from_project=NOTHING, flag="--handler"),
        Setting("database", "path", from_project=INSIDE, flag="--database"),
        Setting("ca_bundle", "path", from_project=NOTHING, flag="--ca-bundle"),
        Setting("insecure", "flag", from_project=NOTHING, flag="--insecure"),
        Setting("timeout", "number"),
        Setting("retry_for", "number"),
        Setting("journal", "path", from_project=INSIDE, flag="--journal"),
        Setting("triage_rules", "path", from_project=INSIDE, flag="--rules", table="triage"),
        Setting("triage_baseline", "path", from_project=INSIDE, flag="--baseline", table="triage"),
        Setting("color"),
    )
}
