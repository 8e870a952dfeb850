"""C++ sources, read as far as finding calls takes: comments, texts, braces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from crashtool.formats.named_tuple import NamedTuple

MAX_SIZE = 2 << 20  # characters
MAX_CALLS = 20
MAX_ARGUMENTS = 1 << 16  # characters of a call's arguments
PIECE = re.compile(
    r"""//(?:\\\n|[^\n])*"""
    r"""|/\*.*?(?:\*/|\Z)"""
    r"""|R"(?P<mark>[^()\\\s"]{0,16})\(.*?(?:\)(?P=mark)"|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*"?"""
    r"""|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'?""",
    re.DOTALL,
)
CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(?P<word>if|ifdef|ifndef|else|elif|endif)\b(?P<rest>.*)")
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b[^()]*\Z")
FUNCTION_NAME = re.compile(r"([A-Za-z_~][\w:~]*)\s*\(")
LITERAL = re.compile(r'(?:u8|[uUL])?"((?:\\.|[^"\\\n])*)"')
STATEMENT_ENDS = ";{}"


class CppSource(NamedTuple):
    """A source whose offsets are those of the file.

    `code`: comments and excluded parts are blanks. `outline`: texts in quotes are blanks, too.
    """

    code: str
    outline: str

    def line_at(self, offset: int) -> int:
        """The line, from 1, that an offset is in."""
        return self.code.count("\n", 0, offset) + 1


class Call(NamedTuple):
    """A call: `before` is its statement up to the name, `arguments` are texts without comments."""

    name: str
    offset: int
    before: str
    arguments: tuple[str, ...]


def parse_source(text: str) -> CppSource:
    """A source without what is no code. Directives and parts under `#if 0` count as comments."""
    text = text[:MAX_SIZE].replace("\r\n", "\n")
    code = PIECE.sub(_blank_comment, text)
    outline = PIECE.sub(lambda piece: _blank(piece.group()), code)
    excluded = _find_excluded(outline)
    excluded |= _find_directives(outline)
    return CppSource(_drop(code, excluded), _drop(outline, excluded))


def _find_excluded(outline: str) -> set[int]:
    """The lines, from 0, that stand under `#if 0`."""
    lines: set[int] = set()
    depth = start = 0  # of conditionals inside the excluded one, which itself counts as one
    for number, line in enumerate(outline.split("\n")):
        match = CONDITIONAL.match(line)
        word = match["word"] if match else ""
        if not depth:
            if word == "if" and match and match["rest"].strip() in ("0", "false"):
                depth, start = 1, number
        elif word in ("if", "ifdef", "ifndef"):
            depth += 1
        elif word == "endif" or (depth == 1 and word in ("else", "elif")):
            depth -= 1
            if not depth:
                lines.update(range(start, number))
    return lines


def _find_directives(outline: str) -> set[int]:
    """The lines, from 0, of the preprocessor's directives."""
    lines = set()
    goes_on = False
    for number, line in enumerate(outline.split("\n")):
        if goes_on or line.lstrip().startswith("#"):
            lines.add(number)
            goes_on = line.endswith("\\")
    return lines


def _drop(text: str, excluded: set[int]) -> str:
    if not excluded:
        return text
    lines = text.split("\n")
    return "\n".join(" " * len(line) if at in excluded else line for at, line in enumerate(lines))


def _blank(text: str) -> str:
    return "".join("\n" if sign == "\n" else " " for sign in text)


def _blank_comment(piece: re.Match[str]) -> str:
    text = piece.group()
    return _blank(text) if text.startswith(("//", "/*")) else text


def find_calls(source: CppSource, name: str) -> Iterator[Call]:
    """The calls of functions and members whose name matches a pattern, in order."""
    flat = source.outline.replace("{}", "()")  # of Type{}.Call(), which ends no statement
    calls = re.finditer(rf"\b({name})\s*\(", source.outline)
    for match in islice(calls, MAX_CALLS):
        start = max(flat.rfind(sign, 0, match.start()) for sign in STATEMENT_ENDS) + 1
        yield Call(
            match[1],
            match.start(),
            source.code[start : match.start()].strip(),
            tuple(_split_arguments(source, match.end())),
        )


def _split_arguments(source: CppSource, start: int) -> Iterator[str]:
    depth, begin = 0, start
    for offset in range(start, min(len(source.outline), start + MAX_ARGUMENTS)):
        sign = source.outline[offset]
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if depth < 0 or (sign == "," and not depth):
            if text := source.code[begin:offset].strip():
                yield text
            begin = offset + 1
        if depth < 0:
            return


def find_function(source: CppSource, offset: int) -> str | None:
    """The name of the function whose body an offset is in; None outside of functions.

    "" for a body whose head cannot be read, as that of a lambda.
    """
    headers: list[str] = []
    start = 0
    for sign in re.finditer(r"[;{}]", source.outline[:offset]):
        if sign.group() == "{":
            headers.append(source.outline[start : sign.start()])
        elif sign.group() == "}" and headers:
            headers.pop()
        start = sign.end()
    bodies = [header for header in headers if not SCOPE.search(header)]
    if not bodies:
        return None
    name = FUNCTION_NAME.search(bodies[0])
    return name[1] if name else ""


def find_literal(expression: str) -> str | None:
    """The text of an expression that is one text in quotes, whatever is made of it; else None."""
    matches = list(LITERAL.finditer(expression))
    rest = LITERAL.sub("", expression)
    plain = not re.search(r"[+.\[?]|->|<<", rest.replace("...", ""))
    return matches[0][1] if len(matches) == 1 and plain else None
