"""The user's rules of grouping: which calls count, and which crashes have a name already."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from hashlib import sha256

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame
from crashtool.model.own_calls import FrameRule
from crashtool.model.signature import CALLS_IN_SIGNATURE

MODULE = "module:"
MAX_CACHED = 1 << 16
DIGITS = 16


class GroupRule(NamedTuple):
    """Crashes to which the user gives a name of their own.

    `match`: patterns, one of which one of the first twelve calls matches. `conditions`: (key,
    pattern) of which each must match: class, module (the innermost call's), os, product, version or
    annotation.KEY. `line` counts from 1 in the file of the rules.
    """

    name: str
    match: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    line: int

    @property
    def text(self) -> str:
        """`group ATLAS-1234`: what a row says of it."""
        return f"group {self.name}"


class Rules:
    """Rules in the order of their file, for each call the first that matches.

    A pattern is a glob on the normalized name, `module:` and a glob on the module's name without
    regard to case, or a regular expression between slashes, found anywhere in the name.
    """

    def __init__(
        self,
        frame_rules: tuple[FrameRule, ...] = (),
        groups: tuple[GroupRule, ...] = (),
        frames: int = CALLS_IN_SIGNATURE,
    ) -> None:
        self.frame_rules = frame_rules
        self.groups = groups
        self._frames = frames
        self._matchers = tuple((rule, Matcher(rule.pattern)) for rule in frame_rules)
        self._find = lru_cache(maxsize=MAX_CACHED)(self._find_all)

    @property
    def frames(self) -> int:
        """How many calls make a signature."""
        return self._frames

    @property
    def digest(self) -> str:
        """A short hash of all that can change a group; "" when nothing does."""
        if not self.frame_rules and not self.groups and self._frames == CALLS_IN_SIGNATURE:
            return ""
        told = [
            [(rule.action, rule.pattern) for rule in self.frame_rules],
            [(group.name, group.match, group.conditions) for group in self.groups],
            self._frames,
        ]
        return sha256(json.dumps(told).encode("ascii")).hexdigest()[:DIGITS]

    def find(self, frame: Frame, name: str, *, is_first: bool) -> FrameRule | None:
        """The first rule that matches a call. `skip` is for calls before the first that counts."""
        rules = self._find(frame.module.name.lower() if frame.module else "", name)
        return next((rule for rule in rules if is_first or rule.action != "skip"), None)

    def find_group(self, calls: tuple[str, ...], facts: dict[str, str]) -> GroupRule | None:
        """The first group of the user's for a crash; `facts` by the conditions' keys."""
        for group in self.groups:
            if all(
                Matcher(pattern).matches_text(facts.get(key, ""))
                for key, pattern in group.conditions
            ) and (
                not group.match
                or any(
                    Matcher(pattern).matches("", call) for pattern in group.match for call in calls
                )
            ):
                return group
        return None

    def _find_all(self, module: str, name: str) -> tuple[FrameRule, ...]:
        return tuple(rule for rule, matcher in self._matchers if matcher.matches(module, name))


class Matcher:
    """A pattern made ready. ValueError when it is empty, or not a regular expression."""

    def __init__(self, pattern: str) -> None:
        self._is_module = pattern.startswith(MODULE)
        text = pattern.removeprefix(MODULE)
        if not text:
            raise ValueError("it is empty")
        try:
            self._pattern = _compile(text.lower() if self._is_module else text)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None

    def matches(self, module: str, name: str) -> bool:
        """Whether it matches a call: `module` in lower case, `name` normalized, "" for none."""
        return self.matches_text(module if self._is_module else name)

    def matches_text(self, text: str) -> bool:
        """Whether it matches a text that is not empty."""
        return bool(text) and self._pattern.search(text) is not None


@lru_cache(maxsize=1 << 10)
def _compile(text: str) -> re.Pattern[str]:
    if len(text) > 1 and text[0] == text[-1] == "/":
        return re.compile(text[1:-1])
    parts = (
        ".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in text
    )
    return re.compile(rf"\A{''.join(parts)}\Z", re.DOTALL)
