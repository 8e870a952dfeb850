"""One spelling for a function, whatever compiler, debug format and demangler named it."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME_LENGTH = 1 << 12  # characters that are looked at; hostile symbols have more
RUST_HASH = len("::h0123456789abcdef")
# What compilers append to the name of a copy of a function, and linkers to a version of it.
CLONES = (
    ".part.",
    ".isra.",
    ".constprop.",
    ".cold",
    ".lto_priv.",
    ".llvm.",
    " [clone ",
    "@",
    "$VARIANT$",
)
MANGLED = ("?", "@")  # names of MSVC as they are in the object file, full of @
OBJECTIVE_C = ("-[", "+[")
# Patterns are compiled when there is a name: a report without symbols has none.
ANONYMOUS = (
    r"\(anonymous namespace\)|\(anonymous\)|`anonymous[ -]namespace'|\{anonymous\}|_GLOBAL__N_\d+"
)
ADDED = r"\[abi:[^\]]*\]|\{\{vtable\.shim\}\}|\{shim:[^{}]*\}"
# A lambda or closure: of GCC, Clang (libiberty, LLVM, dsymutil), MSVC, and Rust's two manglings.
LAMBDA = (
    r"\{lambda\([^{}]*\)#\d+\}|'lambda\d*'(?:\([^()]*\))?|<lambda_[0-9a-f]+>|\$_\d+"
    r"|\{\{closure\}\}|\{closure#\d+\}"
)
MARK = "\N{GREEK SMALL LETTER LAMDA}"  # stands for a lambda while a name is taken apart
OWN_CALL = rf"{MARK}(?:\(\))?(?:::(?:operator\(\)|_FUN|__invoke|{MARK}))+"
# The symbols that may follow the word operator, the longest first.
OPERATORS = (
    "<=>",
    "->*",
    "<<=",
    ">>=",
    "()",
    "[]",
    "->",
    "<<",
    ">>",
    "<=",
    ">=",
    "==",
    "!=",
    "&&",
    "||",
    "++",
    "--",
    "+=",
    "-=",
    "*=",
    "/=",
    "%=",
    "^=",
    "&=",
    "|=",
    "<",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "&",
    "|",
    "~",
    "!",
    "=",
    ",",
)
OPERATOR = "operator"
WITHIN_METHOD = r" (?:const|volatile|noexcept|&&?)(?=::)"  # of a method that something is local to
QUALIFIERS = (" const", " volatile", " noexcept", " &&", " &")


def drop_clone(function: str) -> str:
    """The name without what differs between builds: Rust's hash, a compiler's clone suffix."""
    name = function[:MAX_NAME_LENGTH]
    if name.startswith(MANGLED):
        return name
    for mark in CLONES:
        index = name.find(mark, 1)
        if index > 0:
            name = name[:index]
    head, digits = name[:-RUST_HASH], name[-RUST_HASH + 3 :]
    if (
        head
        and name[-RUST_HASH:].startswith("::h")
        and all(c in "0123456789abcdef" for c in digits)
    ):
        return head
    return name


@lru_cache(maxsize=1 << 16)
def normalize(function: str) -> str:
    """The qualified name alone: `atlas::Array::get` of every spelling.

    Without template arguments, parameters, qualifiers, return type and anonymous namespaces. A
    lambda or closure has its owner's name, "" if that has none, and a method of a Rust trait its
    type's. Names that are still mangled by MSVC, and Objective-C's, stay as they are.
    """
    name = drop_clone(function)
    if not name or name.startswith((*MANGLED, *OBJECTIVE_C)):
        return name
    name = re.sub(LAMBDA, MARK, re.sub(ADDED, "", re.sub(ANONYMOUS, "", name)))
    name = re.sub(OWN_CALL, MARK, _drop_trait(name))
    name = re.sub(WITHIN_METHOD, "", _drop_brackets(name).strip())
    name = _drop_qualifiers(name)
    name = _drop_return_type(name)
    parts = [part for part in name.split("::") if part and part != MARK]
    return "::".join(parts).strip()


def _drop_trait(name: str) -> str:
    """`T::f` of Rust's `<T as Trait>::f`, and of `<T>::f`."""
    if not name.startswith("<"):
        return name
    depth = 0
    for index, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">" and name[index - 1] != "-")
        if depth == 0:
            inner = name[1:index]
            return _cut_at_top(inner, " as ") + name[index + 1 :]
    return name


def _cut_at_top(text: str, mark: str) -> str:
    """The text before `mark` outside of all angle brackets."""
    depth = 0
    for index, letter in enumerate(text):
        if depth == 0 and text.startswith(mark, index):
            return text[:index]
        depth += (letter == "<") - (letter == ">" and text[index - 1] != "-")
    return text


def _drop_brackets(name: str) -> str:
    """The name without what stands in angle brackets and parentheses; operators keep theirs."""
    kept: list[str] = []
    open_brackets = ""
    index = 0
    while index < len(name):
        if not open_brackets and (size := _size_of_operator(name, index)):
            kept.append(name[index : index + size])
            index += size
            continue
        letter = name[index]
        if letter in "<(":
            open_brackets += letter
        elif letter in ">)":
            open_brackets = _close(open_brackets, letter, name[index - 1 : index])
            if letter == ")" and not open_brackets:
                kept.append(" ")  # MSVC writes f(int)const
        elif not open_brackets:
            kept.append(letter)
        index += 1
    return "".join(kept).replace(" ::", "::")


def _close(open_brackets: str, letter: str, before: str) -> str:
    """The brackets that are still open; `->` closes none, and `>` none within parentheses."""
    if letter == ">" and (before == "-" or open_brackets[-1:] != "<"):
        return open_brackets
    opening = "<" if letter == ">" else "("
    index = open_brackets.rfind(opening)
    return open_brackets if index < 0 else open_brackets[:index]


def _size_of_operator(name: str, index: int) -> int:
    """The length of `operator` with its symbol at a place; 0 where none is."""
    if not name.startswith(OPERATOR, index) or (index and _is_word(name[index - 1])):
        return 0
    end = index + len(OPERATOR)
    symbol = next((spelling for spelling in OPERATORS if name.startswith(spelling, end)), None)
    return len(OPERATOR) + len(symbol) if symbol else 0


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter in "_$"


def _drop_qualifiers(name: str) -> str:
    before = None
    while name != before:
        before = name
        for word in QUALIFIERS:
            name = name.removesuffix(word).rstrip()
    return name


def _drop_return_type(name: str) -> str:
    """The name without what stands before its last blank; a conversion's type stays with it."""
    index = name.find(OPERATOR)
    while index > 0 and _is_word(name[index - 1]):
        index = name.find(OPERATOR, index + 1)
    head = name if index < 0 else name[:index]
    tail = "" if index < 0 else name[index:]
    return head.rpartition(" ")[2].lstrip("*&") + tail.replace(" ", "_")
