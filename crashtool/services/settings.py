"""Settings: flag, then environment, then project file, then user file, then default.

The one reader of the environment. A project file is the first `crashtool.toml` found upwards from
the current folder; paths in a file are relative to it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.attributes import is_absolute, parse_attachment
from crashtool.formats.redaction import redact_token
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml

if TYPE_CHECKING:
    from pathlib import Path  # its import costs every command 6 ms; os.path is there anyway

PROJECT_FILE = "crashtool.toml"
USER_FILE = "config.toml"


class Setting(NamedTuple):
    """One setting. `kind` is text, path, number, flag, pairs (a table), paths or texts (lists)."""

    name: str
    kind: str = "text"
    secret: bool = False

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"CRASHTOOL_{self.name.upper()}"


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("url", secret=True),
        Setting("symbols_url", secret=True),
        Setting("universe"),
        Setting("host"),
        Setting("token", secret=True),
        Setting("symbols_token", secret=True),
        Setting("token_file", "path"),
        Setting("tag"),
        Setting("annotations", "pairs"),
        Setting("attachments", "paths"),
        Setting("symbols", "paths"),
        Setting("cache", "path"),
        Setting("cache_size"),
        Setting("symbol_servers", "texts", secret=True),
        Setting("no_local_symbols", "flag"),
        Setting("offline", "flag"),
        Setting("handler", "path"),
        Setting("database", "path"),
        Setting("ca_bundle", "path"),
        Setting("insecure", "flag"),
        Setting("timeout", "number"),
        Setting("retry_for", "number"),
        Setting("journal", "path"),
        Setting("color"),
    )
}


class Resolved(NamedTuple):
    """A value and where it came from, for `--show-settings`."""

    value: Any
    source: str


class Settings:
    """The layers below the flags, read once."""

    def __init__(
        self, environment: Mapping[str, str], folder: "str | Path", user_folder: "str | Path"
    ) -> None:
        self.environment = environment
        found = _find_upwards(os.fspath(folder))
        self.files = [
            (path, _read_file(path)) for path in (found, os.path.join(user_folder, USER_FILE))
            if path is not None and os.path.isfile(path)
        ]  # fmt: skip

    def find(self, name: str) -> Resolved | None:
        """What environment or files say of a setting; None when they are silent."""
        found = list(self._walk_layers(SETTINGS[name]))
        if not found or SETTINGS[name].kind != "pairs":
            return found[0] if found else None
        merged: list[str] = []
        for layer in reversed(found):
            merged = merge_pairs(merged, layer.value)
        return Resolved(merged, ", ".join(layer.source for layer in found))

    def _walk_layers(self, setting: Setting) -> Iterator[Resolved]:
        if text := self.environment.get(setting.variable):
            yield Resolved(_from_text(setting, text), f"environment {setting.variable}")
        for path, values in self.files:
            if setting.name in values:
                yield Resolved(_from_file(setting, values[setting.name], path), f"file {path}")


def merge_pairs(lower: Sequence[str], higher: Sequence[str]) -> list[str]:
    """`KEY=VALUE` texts of two layers: a key of the higher one hides that key of the lower."""
    keys = {pair.partition("=")[0] for pair in higher}
    return [pair for pair in lower if pair.partition("=")[0] not in keys] + list(higher)


def current_settings() -> Settings:
    """The settings of this process: its environment, its folder, its user."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    user_folder = os.path.join(home or os.path.expanduser("~/.config"), "crashtool")
    return Settings(os.environ, os.getcwd(), user_folder)


def step_summary_file() -> "Path | None":
    """Where GitHub Actions takes Markdown for the summary of a job; None elsewhere."""
    from pathlib import Path

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(path) if path else None


def user_state_folder() -> "Path":
    """Where crashtool keeps what it makes for this user, such as the database of `run`."""
    from pathlib import Path

    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(home or os.path.expanduser("~/.local/state"), "crashtool")


def workspace_folder() -> str:
    """Where GitHub Actions has checked the repository out; "" elsewhere."""
    return os.environ.get("GITHUB_WORKSPACE", "")


def symbol_search_paths() -> tuple[str, str]:
    """What other tools take symbols from: _NT_SYMBOL_PATH and DEBUGINFOD_URLS."""
    return os.environ.get("_NT_SYMBOL_PATH", ""), os.environ.get("DEBUGINFOD_URLS", "")


def user_cache_folder() -> str:
    """Where crashtool keeps what it can make again, such as symbol caches."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return os.path.join(home or os.path.expanduser("~/.cache"), "crashtool")


def mask(name: str, value: Any) -> str:
    """How a setting's value is shown: secrets by their first characters only."""
    if not SETTINGS[name].secret or not value:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if SETTINGS[name].kind == "texts":
        return " ".join(redact_token(text.partition("?")[0]) for text in value)
    return redact_token(str(value)) if "url" in name else str(value)[:4] + "…"


def read_token_file(path: str) -> str:
    """The token in a file, without the blanks around it. InputUnusable when there is none."""
    token = read_text_file(path).strip()
    if not token or len(token.split()) != 1:
        raise InputUnusable(f"the token file {path} does not hold one token")
    return token


def _find_upwards(folder: str) -> str | None:
    while not os.path.isfile(found := os.path.join(folder, PROJECT_FILE)):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return found


def _read_file(path: str) -> dict[str, Any]:
    values = parse_toml(read_text_file(path, fault=UsageError), path)
    if unknown := sorted(set(values) - set(SETTINGS)):
        raise UsageError(
            f"{path} has no setting called {', '.join(unknown)}",
            hint="known: " + ", ".join(sorted(SETTINGS)),
        )
    return values


def _from_text(setting: Setting, text: str) -> Any:
    if setting.kind == "paths":
        return [part for part in text.split(os.pathsep) if part]
    if setting.kind == "texts":
        return text.split()
    if setting.kind == "pairs":
        return [line for line in text.splitlines() if line]
    if setting.kind == "flag":
        return text.lower() in ("1", "true", "yes", "on")
    return text


_FILE_TYPES = {
    "paths": (list,),
    "texts": (list,),
    "pairs": (dict,),
    "flag": (bool,),
    "number": (int, float),
}


def _from_file(setting: Setting, value: Any, path: str) -> Any:
    folder = os.path.dirname(path)
    if type(value) not in _FILE_TYPES.get(setting.kind, (str,)):
        raise UsageError(f"{path}: {setting.name} has the wrong type ({type(value).__name__})")
    if setting.kind == "pairs":
        return [_pair(str(key), item, path) for key, item in value.items()]
    if setting.name == "attachments":
        return [_anchor_attachment(str(item), folder) for item in value]
    if setting.kind == "texts":
        return [str(item) for item in value]
    if setting.kind == "paths":
        return [os.path.join(folder, str(item)) for item in value]
    return os.path.join(folder, value) if setting.kind == "path" else value


def _pair(key: str, value: Any, path: str) -> str:
    if "=" in key or isinstance(value, dict | list):
        raise UsageError(
            f"{path}: the annotation {key!r} must be a text under a key without `=`",
            hint='write it as  key = "value"  in the table [annotations]',
        )
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _anchor_attachment(text: str, folder: str) -> str:
    """`[NAME=]PATH` with a relative PATH made relative to the file's folder."""
    attachment = parse_attachment(text)
    if is_absolute(attachment.path):
        return text
    return attachment._replace(path=os.path.join(folder, attachment.path)).text
