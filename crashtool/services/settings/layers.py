"""Settings: flag, then environment, then project file, then user file, then default.

The one reader of the environment. A project file is the first `crashtool.toml` found upwards from
the current folder; paths in a file are relative to it. It may be a stranger's: what it may not
name, and when it is not read at all, is in `project_file`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.attributes import is_absolute, parse_attachment
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.redaction import redact_token
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml
from crashtool.services.settings.table import ANYTHING, PREFIX, SETTINGS, Setting
from crashtool.services.settings.triage_table import TABLE, take_triage_table

if TYPE_CHECKING:
    from pathlib import Path  # its import costs every command 6 ms; os.path is there anyway

TOKENS = ("token", "symbols_token")
PROJECT_FILE = "crashtool.toml"
USER_FILE = "config.toml"
PROJECT_VARIABLE = "CRASHTOOL_PROJECT_FILE"
FLAG, ENVIRONMENT, PROJECT, USER = "flag", "environment", "project", "user"


class Resolved(NamedTuple):
    """A value and where it came from, in words and as a layer, for `--show-settings`."""

    value: Any
    source: str
    layer: str = ""


class Settings:
    """The layers below the flags, read once.

    `chosen` is a project file that the user names: it is read whoever wrote it, and what it names
    is the user's wish; "" is none at all. Without it one is looked for upwards from `folder`.
    UsageError when that may be a stranger's; `problem` keeps it instead when `tolerant`.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: str | Path,
        user_folder: str | Path,
        *,
        chosen: str | None = None,
        tolerant: bool = False,
    ) -> None:
        self.environment = environment
        self.user_file = os.path.join(user_folder, USER_FILE)
        self.problem: UsageError | None = None
        self._is_vouched_for = chosen is not None
        self._files: list[tuple[str, str, dict[str, Any]]] = []
        path = _find_upwards(os.fspath(folder)) if chosen is None else chosen
        if path and chosen is None and (problem := _check_project_file(path)):
            if not tolerant:
                raise problem
            self.problem, path = problem, ""
        if path:
            self._files.append((PROJECT, path, _read_file(path)))
        if os.path.isfile(self.user_file):
            self._files.append((USER, self.user_file, _read_file(self.user_file)))

    def find(self, name: str, *, only_named: bool = False) -> Resolved | None:
        """What environment or files say of a setting; None when they are silent.

        UsageError when only a project file says it, and may not: where its files are `only_named`,
        never opened, it may name any.
        """
        if SETTINGS[name].kind != "pairs":
            return next(self._walk_layers(SETTINGS[name], is_checked=not only_named), None)
        settings = list(self._walk_layers(SETTINGS[name]))
        if not settings:
            return None
        merged: list[str] = []
        for layer in reversed(settings):
            merged = merge_pairs(merged, layer.value)
        return Resolved(merged, ", ".join(layer.source for layer in settings), settings[0].layer)

    def find_in_project(self, name: str) -> Resolved | None:
        """What the project file says of a setting, whatever is above it."""
        layers = self._walk_layers(SETTINGS[name])
        return next((setting for setting in layers if setting.layer == PROJECT), None)

    def find_all(self, name: str) -> list[str]:
        """A list to which every layer adds."""
        return [text for layer in self._walk_layers(SETTINGS[name]) for text in layer.value]

    def find_layer(self, names: Sequence[str]) -> Resolved | None:
        """The highest layer that gives any of some settings, with the first of them."""
        sources = [
            (ENVIRONMENT, f"environment {SETTINGS[name].variable}", name)
            for name in names
            if self.environment.get(SETTINGS[name].variable)
        ]
        for layer, path, values in self._files:
            sources += [(layer, f"file {path}", name) for name in names if name in values]
        layer, source, name = sources[0] if sources else ("", "", "")
        return Resolved(name, source, layer) if sources else None

    def list_unknown_variables(self) -> list[str]:
        """Variables that are named like those of settings, and are none of them."""
        names = [name for name in self.environment if name.startswith(PREFIX)]
        if not names:
            return []
        variables = {PROJECT_VARIABLE, *(setting.variable for setting in SETTINGS.values())}
        return [name for name in names if name not in variables]

    def _walk_layers(self, setting: Setting, *, is_checked: bool = True) -> Iterator[Resolved]:
        if text := self.environment.get(setting.variable):
            source = f"environment {setting.variable}"
            yield Resolved(_from_text(setting, text), source, ENVIRONMENT)
        for layer, path, values in self._files:
            if setting.name not in values:
                continue
            value = take_from_file(setting, values[setting.name], path)
            is_itself = bool(setting.table) and value == path
            is_limited = is_checked and not self._is_vouched_for and not is_itself
            if layer == PROJECT and is_limited and setting.from_project != ANYTHING:
                from crashtool.services.settings.project_file import check_named  # seldom needed

                check_named(setting, value, path)
            yield Resolved(value, f"file {path}", layer)


def merge_pairs(lower: Sequence[str], higher: Sequence[str]) -> list[str]:
    """`KEY=VALUE` texts of two layers: a key of the higher one hides that key of the lower."""
    keys = {pair.partition("=")[0] for pair in higher}
    return [pair for pair in lower if pair.partition("=")[0] not in keys] + list(higher)


def current_settings(project_file: str | None = None, *, tolerant: bool = False) -> Settings:
    """The settings of this process: its environment, its folder, its user.

    `project_file` is what the user chose by a flag, else by CRASHTOOL_PROJECT_FILE.
    """
    home = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    user_folder = os.path.join(home or os.path.expanduser("~/.config"), "crashtool")
    chosen = os.environ.get(PROJECT_VARIABLE) if project_file is None else project_file
    return Settings(os.environ, os.getcwd(), user_folder, chosen=chosen, tolerant=tolerant)


def step_summary_file() -> Path | None:
    """Where GitHub Actions takes Markdown for the summary of a job; None elsewhere."""
    from pathlib import Path

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(path) if path else None


def user_state_folder() -> Path:
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
    while not os.path.isfile(path := os.path.join(folder, PROJECT_FILE)):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return path


def _check_project_file(path: str) -> UsageError | None:
    from crashtool.services.settings.project_file import (
        check_project_file,  # most calls have no project file
    )

    return check_project_file(path)


def _read_file(path: str) -> dict[str, Any]:
    values = parse_toml(read_text_file(path, fault=UsageError), path)
    names = {setting.table or setting.name for setting in SETTINGS.values()}
    if unknown := sorted(set(values) - names):
        raise UsageError(
            f"{path} has no setting named {', '.join(unknown)}",
            hint="known: " + ", ".join(sorted(names)),
        )
    return take_triage_table(values, path) if TABLE in values else values


def _from_text(setting: Setting, text: str) -> Any:
    if setting.kind == "paths":
        return [part for part in text.split(os.pathsep) if part]
    if setting.kind == "texts":
        return text.split()
    if setting.kind == "pairs":
        return [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if setting.kind == "flag":
        return text.lower() in ("1", "true", "yes", "on")
    if setting.name in TOKENS:  # $(cat token.txt) of a file with Windows' line ends keeps a CR
        return text.strip()
    return text


_FILE_TYPES = {
    "paths": (list,),
    "texts": (list,),
    "pairs": (dict,),
    "flag": (bool,),
    "number": (int, float),
}


def take_from_file(setting: Setting, value: Any, path: str) -> Any:
    """A setting as commands take it from a file: relative paths begin in the file's folder.

    UsageError for a value of the wrong type.
    """
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
