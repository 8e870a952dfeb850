"""Templates with `@NAME@` where something is to be put in."""

from __future__ import annotations

import re
from importlib.resources import files

PACKAGE = "crashtool.render.integration"
MARK = re.compile(r"@([A-Z_]+)@")


def fill_template(name: str, values: dict[str, str]) -> str:
    """A template with its marks replaced; KeyError for one that has no value.

    More than one empty line in a row becomes one.
    """
    text = files(PACKAGE).joinpath("templates", name).read_text("utf-8")
    filled = MARK.sub(lambda mark: values[mark[1]], text)
    return re.sub(r"\n{3,}", "\n\n", filled)
