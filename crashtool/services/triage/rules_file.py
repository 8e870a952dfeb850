"""The user's rules of grouping, from the table [triage] of a TOML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from crashtool.errors import UsageError
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml
from crashtool.model.own_calls import Action, FrameRule
from crashtool.model.triage.grouping_rules import GroupRule, Matcher, Rules
from crashtool.services.settings.table import SETTINGS
from crashtool.services.settings.triage_table import TABLE

ACTIONS = ("own", "skip", "through", "start", "stop")
RULES = (*ACTIONS, "frames", "group")
PLAIN_CONDITIONS = ("class", "module", "os", "product", "version")
ANNOTATION = "annotation."
BASELINE = "baseline"  # beside the rules of a settings file
MAX_FRAMES = 12
MAX_PATTERNS = 10_000


def read_rules(path: str) -> Rules:
    """The rules in a file, which may be one of settings.

    UsageError, with the line, the column and what to write, for what cannot be meant.
    """
    text = read_text_file(path, fault=UsageError)
    document = parse_toml(text, path)
    if unknown := [key for key in document if key != TABLE and key not in SETTINGS]:
        raise _Reader(text, path).fault(
            unknown[0], f"a file of rules has one table, [triage], not {unknown[0]!r}", EXAMPLE
        )
    table = document.get(TABLE, {})
    if isinstance(table, dict):
        table = {key: value for key, value in table.items() if key != BASELINE}
    return parse_rules(table, text, path)


def parse_rules(table: Any, text: str, path: str) -> Rules:
    """The rules of a [triage] table, `text` being the file that it was read from."""
    reader = _Reader(text, path)
    if not isinstance(table, dict):
        raise reader.fault("triage", "triage is a table", EXAMPLE)
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
            hint = _suggest(key, RULES, f"the rules are {_list(RULES)}")
            raise reader.fault(key, f"no rule is called {key!r}", hint)
    return Rules(tuple(frames), groups, count)


EXAMPLE = 'write  [triage]  and below it  skip = ["helper::*"]'
GROUP = 'write  [[triage.group]]  and below it  name = "BUG-7"  and  match = ["helper::*"]'
PATTERN = "a pattern is a glob such as helper::*, module:game* or a regular expression /^get_/"


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _suggest(name: str, names: Sequence[str], otherwise: str) -> str:
    """What may have been meant by a name."""
    from difflib import get_close_matches  # seldom needed

    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else otherwise


class _Lines:
    """Where in a text something stands: TOML readers do not tell."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")

    def find_key(self, key: str, after: int = 1) -> int:
        """The first line from `after` on that begins with a key, or names a table of it; `after`
        when none does.
        """
        for number in range(after, len(self._lines) + 1):
            line = self._lines[number - 1]
            words = line.strip().lstrip("[").replace('"', "").replace("'", "").lstrip()
            if words.startswith(key) and words[len(key) :].lstrip()[:1] in ("=", "]", "."):
                return number
        return after

    def find_column(self, number: int, text: str) -> int:
        """Where in a line a text begins, the first character being 1; 1 when it does not stand
        there.
        """
        return self._lines[number - 1].find(text) + 1 or 1

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

    def fault(self, where: str, what: str, hint: str, *, line: int = 0) -> UsageError:
        """A fault of the file; `where` is the key or the text at fault, `hint` what to write."""
        number = line or self._lines.find_key(where)
        column = self._lines.find_column(number, where)
        return UsageError(f"{self._path}:{number}:{column}: {what}", hint=hint)

    def read_frame_rules(self, action: Action, value: Any) -> Iterator[FrameRule]:
        line = self._lines.find_key(action)
        for pattern in self._read_texts(action, value):
            line = self._lines.find_text(pattern, line)
            self._check(pattern, line)
            yield FrameRule(action, pattern, line)

    def read_count(self, value: Any) -> int:
        if type(value) is not int or not 1 <= value <= MAX_FRAMES:
            raise self.fault(
                "frames", f"frames is a number from 1 to {MAX_FRAMES}", "write  frames = 2"
            )
        return value

    def read_groups(self, value: Any) -> Iterator[GroupRule]:
        if not isinstance(value, list):
            raise self.fault("group", "a group is written as [[triage.group]]", GROUP)
        for table in value:
            yield self._read_group(table)

    def _read_group(self, table: Any) -> GroupRule:
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise self.fault("triage.group", "a group needs a name, which is a text", GROUP)
        line = self._lines.find_text(name, 1)
        match = tuple(self._read_texts("match", table.get("match", [])))
        conditions = []
        for key, pattern in table.items():
            if key in ("name", "match"):
                continue
            if key not in PLAIN_CONDITIONS and key != "annotation":
                names = (*PLAIN_CONDITIONS, "annotation.KEY")
                hint = _suggest(key, ("match", *names), f"conditions are {_list(names)}")
                words = f"the group {name!r} has no condition {key!r}"
                raise self.fault(key, words, hint, line=self._lines.find_key(key, line))
            conditions += self._read_condition(key, pattern, line)
        if not match and not conditions:
            raise self.fault(name, f"the group {name!r} matches nothing", GROUP, line=line)
        for pattern in (*match, *(pattern for _, pattern in conditions)):
            self._check(pattern, self._lines.find_text(pattern, line))
        return GroupRule(name, match, tuple(conditions), line)

    def _read_condition(self, key: str, value: Any, line: int) -> list[tuple[str, str]]:
        if key == "annotation" and isinstance(value, dict):
            return [
                pair
                for name, pattern in value.items()
                for pair in self._read_condition(ANNOTATION + name, pattern, line)
            ]
        if not isinstance(value, str):
            number = self._lines.find_key(key, line)
            raise self.fault(key, f"{key} is a text", f'write  {key} = "GLOB"', line=number)
        return [(key, value)]

    def _read_texts(self, key: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, f"{key} is a list of texts", f'write  {key} = ["helper::*"]')
        if len(value) > MAX_PATTERNS:
            words = f"{key} has more than {MAX_PATTERNS:,} patterns"
            raise self.fault(key, words, "a glob such as helper::* stands for many")
        return value

    def _check(self, pattern: str, line: int) -> None:
        try:
            Matcher(pattern)
        except ValueError as error:
            words = f"{pattern!r} is not a pattern: {error}"
            raise self.fault(pattern, words, PATTERN, line=line) from None
