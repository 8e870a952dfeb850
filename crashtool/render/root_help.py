"""The help text of crashtool itself, laid out as click lays out those of its commands."""

from collections.abc import Iterator, Mapping, Sequence

INDENT = 2
GAP = 2  # columns between a name and what it does
LEAST_COLUMNS = 10  # of the second column, however narrow the terminal


def render_root_help(
    summary: Sequence[str], options: Mapping[str, str], commands: Mapping[str, str], width: int
) -> str:
    """The page for `width` columns, which ends without a line break.

    `summary` has its paragraphs, the tables what each option and command does.
    """
    lines = ["Usage: crashtool [OPTIONS] COMMAND [ARGS]..."]
    for paragraph in summary:
        lines.append("")
        lines += [" " * INDENT + line for line in _wrap(paragraph, width - INDENT)]
    for title, table in (("Options", options), ("Commands", commands)):
        lines += ["", f"{title}:", *_lay_out(table, width)]
    return "\n".join(lines)


def _lay_out(table: Mapping[str, str], width: int) -> Iterator[str]:
    """The rows of a table, what does not fit its second column on further lines of that."""
    column = INDENT + max(map(len, table)) + GAP
    for name, text in table.items():
        head = " " * INDENT + name
        for line in _wrap(text, max(width - column, LEAST_COLUMNS)):
            yield head.ljust(column) + line
            head = ""


def _wrap(text: str, width: int) -> Iterator[str]:
    """Lines of at most `width` columns, broken between words."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line
