"""Every test says what must be true: one that asserts nothing passes whatever the code does."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FAILING = {"raises", "warns", "fail"}  # of pytest
WAITING = {"wait_until", "wait_for", "wait_for_url"}  # they fail when it does not come about


def says_something(function: ast.AST) -> bool:
    """An assertion in the test itself or in a helper that is named for it: `assert_...`."""
    return any(isinstance(node, ast.Assert) or is_assertion(node) for node in ast.walk(function))


def is_assertion(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).rpartition(".")[2]
    return name.startswith("assert_") or name in FAILING | WAITING


def walk_tests(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def list_silent(text: str) -> list[str]:
    return [row.name for row in walk_tests(ast.parse(text)) if not says_something(row)]


def list_empty_helpers(text: str) -> list[str]:
    """Helpers that are named as if they asserted, and do not."""
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("assert_")
        and not any(isinstance(part, ast.Raise) for part in ast.walk(node))
        and not says_something(node)
    ]


def test_each_test_asserts_something():
    silent = {
        f"{path.relative_to(TESTS)}::{name}"
        for path in TESTS.rglob("*.py")
        for name in list_silent(path.read_text("utf-8"))
    }
    assert silent == set()


def test_each_helper_that_is_named_for_it_asserts_something():
    assert [
        f"{path.relative_to(TESTS)}::{name}"
        for path in TESTS.rglob("*.py")
        for name in list_empty_helpers(path.read_text("utf-8"))
    ] == []


def list_conditional(text: str) -> list[int]:
    """The lines of `assert a == b if c else True`, which asserts nothing without c."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.IfExp)
    ]


def test_no_assertion_is_a_conditional_expression_as_a_whole():
    assert list_conditional("assert f()\nassert a == b if c else True") == [2]
    assert [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line in list_conditional(path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    ("line", "silent"),
    [
        ("f()", True),
        ("with suppress(ValueError): f()", True),
        ("assert f()", False),
        ("with pytest.raises(ValueError): f()", False),
        ("assert_sound(f())", False),
    ],
)
def test_silence_is_noticed(line, silent):
    assert bool(list_silent(f"def test_it():\n    {line}\n")) is silent
    assert list_empty_helpers("def assert_it():\n    f()\n") == ["assert_it"]
