"""Text made fit for a JUnit file, which is XML."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from crashtool.render.safe_text import safe


def xml_attribute(text: str) -> str:
    """A value with its quotes."""
    return quoteattr(_xml_text(text))


def xml_content(text: str) -> str:
    """What stands between tags."""
    return escape(_xml_text(text))


def _xml_text(text: str) -> str:
    """Text without what XML cannot hold; control characters are shown as such."""
    shown = "\n".join(map(safe, text.splitlines()))
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in shown)
