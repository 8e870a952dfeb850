"""No pattern of ours may need what the first patch versions of Python 3.11 match wrongly.

Possessive quantifiers and atomic groups over groups: github.com/python/cpython issues 100061 and
106052, mended in 3.11.5. Of a single character or set they were always right.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
POSSESSIVE_GROUP = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?>|(?<!\()\)(?:[*+?]|\{[^{}]*\})\+)")
EXEMPT = {Path("tests/test_patterns.py"), Path("tests/services/scrub/test_scrubber.py")}


def texts_of(node):
    """Each constant text of a program, those that `+` and f-strings join as one."""
    match node:
        case ast.Constant(value=str() | bytes() as value):
            yield value.decode("latin-1") if isinstance(value, bytes) else value
        case ast.JoinedStr(values=values):
            yield "".join("".join(texts_of(value)) or "x" for value in values)
        case ast.BinOp(op=ast.Add()):
            yield "".join("".join(texts_of(side)) or "x" for side in (node.left, node.right))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from texts_of(child)


def faults_in(source):
    return [text for text in texts_of(ast.parse(source)) if POSSESSIVE_GROUP.search(text)]


def test_no_pattern_is_possessive_or_atomic_over_a_group():
    faults = {}
    for folder in ("crashtool", "tests", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT)
            if name not in EXEMPT and (found := faults_in(path.read_text("utf-8"))):
                faults[str(name)] = found
    assert faults == {}


@pytest.mark.parametrize(
    "source",
    [
        r'r"(?:ab?c)++"',
        r'r"(?>ab)"',
        r'rb"(?:a)" rb"{%d,}+" % 3',
        r'"(?:a|b)" + "*+"',
        r'f"(?:{a}){{2,}}+"',
        r'r"\\(?:a)?+"',
        r'r"\\\\(?>a)"',
    ],
)
def test_such_a_pattern_would_be_found(source):
    assert faults_in(source)


@pytest.mark.parametrize("source", [r'r"[ab]*+"', r'r"a{2}+"', r'r"\)++"', r'r"(?:ab)+"', '"c()+"'])
def test_other_patterns_are_none(source):
    assert not faults_in(source)
