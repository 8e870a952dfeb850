"""The fenced blocks of a page of the documentation, each with the words that say what it is."""

import re
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^```(\S+) ?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, what else is said of it, and its text."""

    language: str
    note: str
    text: str

    @property
    def commands(self) -> list[str]:
        """What stands after the prompt in a `console`."""
        return [line[2:] for line in self.text.splitlines() if line[:2] in ("$ ", "> ")]


def read_blocks(page: Path) -> list[Block]:
    """All of them, in the page's order."""
    return [Block(*match) for match in FENCE.findall(page.read_text(encoding="utf-8"))]
