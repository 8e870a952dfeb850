"""The settings of one call: each from its layer, alternatives from one, tokens for their hosts.

A URL, a universe and a host say the same thing, as do a token and a file that holds one. The
highest layer that says it in any way says it all: a flag is not completed by a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import FLAG, PROJECT, Resolved, Settings, merge_pairs
from crashtool.services.settings.table import SETTINGS

PLACES = ("universe", "host")
TOKENS = ("token", "token_file")
SYMBOL_TOKENS = ("symbols_token", "symbols_token_file")
SERVE_TOKENS = ("serve_token", "serve_token_file")  # of the local receiver: sent to nobody


class Habits(NamedTuple):
    """How a command differs from others: in `only_named` files, which it never opens, and in what
    settings may `complete` when its URL is typed.
    """

    only_named: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()


USUAL = Habits()


class Resolution(NamedTuple):
    """The settings of a call, and why a token among them is not used; None when it may be."""

    values: dict[str, Resolved]
    withheld: UsageError | None = None


def resolve(
    settings: Settings,
    wanted: Iterable[str],
    typed: Mapping[str, Any],
    habits: Habits = USUAL,
    *,
    tolerant: bool = False,
) -> Resolution:
    """The wanted settings, by `typed` flags and by the layers below them.

    UsageError when a project file gives what it may not; when `tolerant`, the source says so.
    """
    names = list(wanted)
    completed = habits.complete if "url" in typed else ()
    groups = [group for group in _alternatives(names) if set(group) & set(names)]
    deciding = {group: _decide(settings, group, typed) for group in groups}
    group_of = {name: group for group in groups for name in group}
    values = {}
    for name in names:
        decided = deciding[group_of[name]] if name in group_of.keys() - set(completed) else None
        try:
            values[name] = _find(settings, name, typed, decided, habits)
        except UsageError as error:
            if not tolerant:
                raise
            values[name] = Resolved(None, f"refused: {error.what}")
    setting = next((deciding[group] for group in groups if group[-1] == PLACES[-1]), None)
    if setting is None or setting.layer != PROJECT:
        return Resolution(values)
    return _bind_tokens(settings, values)


def _alternatives(names: list[str]) -> list[tuple[str, ...]]:
    """The settings that exclude one another, in a command with these."""
    url = "symbols_url" if "symbols_url" in names else "url"
    places = [(url, *PLACES)] if url in names else []
    return [*places, TOKENS, SYMBOL_TOKENS, SERVE_TOKENS]


def _decide(
    settings: Settings, group: tuple[str, ...], typed: Mapping[str, Any]
) -> Resolved | None:
    """The layer that speaks for all of a group, and the setting by which it does."""
    named = next((name for name in group if name in typed), None)
    return Resolved(named, FLAG, FLAG) if named else settings.find_layer(group)


def _find(
    settings: Settings,
    name: str,
    typed: Mapping[str, Any],
    decided: Resolved | None,
    habits: Habits,
) -> Resolved:
    """A setting's value; None where another setting says it from a higher layer."""
    if name in typed:
        if SETTINGS[name].kind != "pairs" or not (below := settings.find(name)):
            return Resolved(typed[name], FLAG, FLAG)
        return Resolved(merge_pairs(below.value, typed[name]), f"flag, {below.source}", FLAG)
    setting = None
    if decided is None or decided.layer != FLAG:
        setting = settings.find(name, only_named=name in habits.only_named)
    if decided and (setting is None or setting.layer != decided.layer):
        lower = setting or settings.find_layer((name,))
        if lower is None:
            return Resolved(None, "default")
        aside = f"{lower.source}, set aside: {decided.source} gives {decided.value}"
        return Resolved(None, aside)
    return setting or Resolved(None, "default")


def _bind_tokens(settings: Settings, values: dict[str, Resolved]) -> Resolution:
    """Keep the user's tokens from a place that only a project file names, unless it may have them.

    The file's own tokens go there, also in place of theirs.
    """
    theirs = [
        name
        for name in (*TOKENS, *SYMBOL_TOKENS)
        if name in values and values[name].value and values[name].layer != PROJECT
    ]
    if not theirs:
        return Resolution(values)
    from crashtool.services.settings.token_hosts import find_refusal, make_url  # seldom needed

    said = {name: setting.value or "" for name, setting in values.items()}
    url = said.get("symbols_url") or said.get("url")
    url = url or make_url(said.get("universe", ""), said.get("host", ""))
    refusal = find_refusal(url, settings)
    if refusal is None:
        return Resolution(values)
    for name in theirs:
        values[name] = Resolved(None, f"{values[name].source}, refused: {refusal.what}")
    own = {name: settings.find_in_project(name) for name in (*TOKENS, *SYMBOL_TOKENS)}
    given = {name: setting for name, setting in own.items() if setting and name in values}
    return Resolution(values | given, None if given else refusal)
