"""Pieces of the web page: cards, tables, lists of facts. Text becomes harmless here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from crashtool.render.safe_text import safe

MAX_TEXT = 4096
MAX_ROWS = 4096


def harmless(text: str) -> str:
    """Text of a dump as text of the page: control characters shown, markup escaped, cut."""
    return escape(safe(text, MAX_TEXT))


def code(text: str) -> str:
    """The same in the fixed-width font; "" for nothing."""
    return f"<code>{harmless(text)}</code>" if text else ""


def pill(word: str, style: str) -> str:
    """A status; `style` is "good", "bad" or anything else."""
    return f'<span class="pill {style}">{harmless(word)}</span>'


def card(title: str, body: str, note: str = "") -> str:
    """A part of the page with its heading; `body` is markup."""
    return f"<section><h2>{harmless(title)}{_small(note)}</h2>{body}</section>"


def details(title: str, body: str, note: str = "", *, style: str = "card") -> str:
    """A part that opens when its title is pressed."""
    summary = f"<summary>{harmless(title)}{_small(note)}</summary>"
    return f'<details class="{style}">{summary}{body}</details>'


def _small(note: str) -> str:
    return f"<small>{harmless(note)}</small>" if note else ""


def facts(rows: Iterable[tuple[str, str, bool]]) -> str:
    """Labels and texts; the flag asks for the fixed-width font. What has no text is left out."""
    shown = (
        f"<dt>{harmless(label)}</dt><dd>{code(text) if is_code else harmless(text)}</dd>"
        for label, text, is_code in rows
        if text
    )
    return f"<dl>{''.join(shown)}</dl>"


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, wide: bool = False, named: bool = False
) -> str:
    """A table of markup; a `wide` one becomes a list of blocks on a narrow screen.

    There the cells of a `named` one say whose they are: numbers would say nothing.
    """
    top = "".join(f'<th scope="col">{harmless(name)}</th>' for name in head)
    names = [f' data-name="{harmless(name)}"' if named and name else "" for name in head]
    lines = "".join(
        f"<tr>{''.join(map('<td{}>{}</td>'.format, names, row))}</tr>" for row in rows[:MAX_ROWS]
    )
    more = f'<p class="dim">and {len(rows) - MAX_ROWS} more</p>' if len(rows) > MAX_ROWS else ""
    style = ' class="wide"' if wide else ""
    return (
        f'<div class="scroll"><table{style}><thead><tr>{top}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{more}"
    )
