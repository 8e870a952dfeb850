"""The user's rules of grouping, from the table [triage] of a TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from crashtool.errors import UsageError
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml
from crashtool.model.own_calls import Action, FrameRule
from crashtool.model.triage.grouping_rules import GroupRule, Matcher, Rules
from crashtool.services.settings.table import SETTINGS
from crashtool.services.settings.triage_table import TABLE

ACTIONS = ("own", "skip", "through", "start", "stop")
PLAIN_CONDITIONS = ("class", "module", "os", "product", "version")
ANNOTATION = "annotation."
BASELINE = "baseline"  # beside the rules of a settings file
MAX_FRAMES = 12
MAX_PATTERNS = 10_000


def read_rules(path: str) -> Rules:
    """The rules in a file, which may be one of settings.

    UsageError, with the line, for what cannot be meant.
    """
    text = read_text_file(path, fault=UsageError)
    document = parse_toml(text, path)
    if unknown := [key for key in document if key != TABLE and key not in SETTINGS]:
        raise UsageError(
            f"{path}:{_Lines(text).find_key(unknown[0])}: a file of rules has one table, [triage], "
            f"not {unknown[0]!r}",
            hint=EXAMPLE,
        )
    table = document.get(TABLE, {})
    if isinstance(table, dict):
        table = {key: value for key, value in table.items() if key != BASELINE}
    return parse_rules(table, text, path)


def parse_rules(table: Any, text: str, path: str) -> Rules:
    """The rules of a [triage] table, `text` being the file that it was read from."""
    reader = _Reader(text, path)
    if not isinstance(table, dict):
        raise reader.fault("triage", "triage is a table", key="triage")
    frames: list[FrameRule] = []
    groups: tuple[GroupRule, ...] = ()
    count = 2
    for key, value in table.items():
        if key in ACTIONS:
            frames += reader.read_frame_rules(cast("Action", key), value)
        elif key == "group":
            groups = tuple(reader.read_groups(value))
        elif key == "frames":
            count = reader.read_count(value)
        else:
            raise reader.fault(key, f"no rule is called {key!r}", key=key)
    return Rules(tuple(frames), groups, count)


EXAMPLE = 'write  [triage]  and below it  skip = ["helper::*"]'


class _Lines:
    """Where in a text something stands: TOML readers do not tell."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")

    def find_key(self, key: str) -> int:
        """The line that begins with a key, or names a table of it; 1 when none does."""
        for number, line in enumerate(self._lines, 1):
            words = line.strip().lstrip("[").replace('"', "").replace("'", "").lstrip()
            if words.startswith(key) and words[len(key) :].lstrip()[:1] in ("=", "]", "."):
                return number
        return 1

    def find_text(self, text: str, after: int) -> int:
        """The first line from `after` on that holds a text; `after` when none does."""
        written = (f'"{text}"', f"'{text}'", '"{}"'.format(text.replace("\\", "\\\\")))
        for number in range(after, len(self._lines) + 1):
            if any(form in self._lines[number - 1] for form in written):
                return number
        return after


class _Reader:
    """Values of the table, each fault with the line that it is in."""

    def __init__(self, text: str, path: str) -> None:
        self._lines = _Lines(text)
        self._path = path

    def fault(self, where: str, what: str, *, key: str = "", line: int = 0) -> UsageError:
        """A fault of the file; `where` is the rule's name."""
        number = line or self._lines.find_key(key or where)
        return UsageError(
            f"{self._path}:{number}: {what}",
            hint=f"the rules are {', '.join(ACTIONS)}, frames and group",
        )

    def read_frame_rules(self, action: Action, value: Any) -> Iterator[FrameRule]:
        line = self._lines.find_key(action)
        for pattern in self._read_texts(action, value):
            line = self._lines.find_text(pattern, line)
            self._check(action, pattern, line)
            yield FrameRule(action, pattern, line)

    def read_count(self, value: Any) -> int:
        if type(value) is not int or not 1 <= value <= MAX_FRAMES:
            raise self.fault("frames", f"frames is a number from 1 to {MAX_FRAMES}")
        return value

    def read_groups(self, value: Any) -> Iterator[GroupRule]:
        if not isinstance(value, list):
            raise self.fault("group", "a group is written as [[triage.group]]")
        for table in value:
            yield self._read_group(table)

    def _read_group(self, table: Any) -> GroupRule:
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise self.fault("group", "a group needs a name, which is a text", key="triage.group")
        line = self._lines.find_text(name, 1)
        match = tuple(self._read_texts("match", table.get("match", [])))
        conditions = []
        for key, pattern in table.items():
            if key in ("name", "match"):
                continue
            if key not in PLAIN_CONDITIONS and key != "annotation":
                raise self.fault(key, f"the group {name!r} has no condition {key!r}", line=line)
            conditions += self._read_condition(key, pattern, line)
        if not match and not conditions:
            raise self.fault("group", f"the group {name!r} matches nothing", line=line)
        for pattern in (*match, *(pattern for _, pattern in conditions)):
            self._check("group", pattern, self._lines.find_text(pattern, line))
        return GroupRule(name, match, tuple(conditions), line)

    def _read_condition(self, key: str, value: Any, line: int) -> list[tuple[str, str]]:
        if key == "annotation" and isinstance(value, dict):
            return [
                pair
                for name, pattern in value.items()
                for pair in self._read_condition(ANNOTATION + name, pattern, line)
            ]
        if not isinstance(value, str):
            raise self.fault(key, f"{key} is a text", line=line)
        return [(key, value)]

    def _read_texts(self, key: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, f"{key} is a list of texts")
        if len(value) > MAX_PATTERNS:
            raise self.fault(key, f"{key} has more than {MAX_PATTERNS:,} patterns")
        return value

    def _check(self, key: str, pattern: str, line: int) -> None:
        try:
            Matcher(pattern)
        except ValueError as error:
            raise self.fault(key, f"{pattern!r} is not a pattern: {error}", line=line) from None
