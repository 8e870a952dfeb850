"""Recognises what documentation puts where the user's own value belongs."""

from __future__ import annotations

import re

WORDS = frozenset(
    (
        "changeme",
        "example",
        "fixme",
        "foobar",
        "host",
        "hostname",
        "instancesubdomain",
        "mytoken",
        "myuniverse",
        "placeholder",
        "submissiontoken",
        "subdomain",
        "symboltoken",
        "symbolstoken",
        "todo",
        "token",
        "universe",
        "universename",
        "yolo",
        "yourcompany",
        "yourdomain",
        "yourhost",
        "yourinstance",
        "yourname",
        "yourserver",
        "yoursubdomain",
        "yoursubmissiontoken",
        "yoursymboltoken",
        "yourteam",
        "yourtoken",
        "youruniverse",
    )
)
SHORTEST_ROW = {"x.": 3, "0": 8}
FRAMES = (("%", "%"), ("__", "__"), ("@", "@"))
RESERVED_DOMAINS = (".example", ".example.com", ".example.net", ".example.org", ".invalid")


# A variable that a shell, a build system or a template engine should have put a value for: %VAR%,
# ${VAR}, $(VAR), $VAR, {{var}}, {var}, <var>, @VAR@. The first is told from percent-encoding below.
VARIABLE = re.compile(
    r"%[A-Za-z_][A-Za-z0-9_]*%|\$\{[^{}/]*\}|\$\([^()/]*\)|\$env:\w+|\$[A-Za-z_]\w*"
    r"|\{\{[^{}/]*\}\}|\{[^{}/]*\}|<[^<>/]*>|@[A-Za-z_]\w*@"
)
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def find_variables(text: str) -> list[str]:
    """The variables in a URL's own text, percent-encoding and all, in order."""
    return [variable for variable in VARIABLE.findall(text) if not _is_encoding(variable, text)]


def _is_encoding(variable: str, text: str) -> bool:
    """Whether `%C3%` is the beginning of two encoded bytes: both of its signs begin one."""
    if not variable.startswith("%"):
        return False
    index = text.find(variable)
    last = index + len(variable) - 1
    return bool(ENCODED.match(text, index) and ENCODED.match(text, last))


def is_placeholder(text: str) -> bool:
    """Whether a value was meant to be replaced: `<token>`, `your_token`, `$TOKEN`, `xxx`, zeros."""
    if any(character in "<>{}" for character in text) or text.startswith("$"):
        return True
    if find_variables(text):
        return True
    if any(text.startswith(a) and text.endswith(b) and text.strip(a) for a, b in FRAMES):
        return True
    plain = text.lower().replace("_", "").replace("-", "").replace(" ", "")
    return plain in WORDS or any(
        len(plain) >= least and not plain.strip(characters)
        for characters, least in SHORTEST_ROW.items()
    )


def find_host_placeholder(host: str) -> str | None:
    """The part of a host's name that was meant to be replaced."""
    if host.lower() in ("host", "hostname"):  # a name that machines on a local network do have
        return None
    if is_placeholder(host):
        return host
    first, dot, rest = host.partition(".")
    backtrace = rest.lower() in ("sp.backtrace.io", "in.backtrace.io", "backtrace.io")
    return first if dot and (backtrace or "_" in first) and is_placeholder(first) else None


def is_reserved_host(host: str) -> bool:
    """Whether a host's name can belong to nobody (RFC 2606)."""
    return ("." + host.lower().rstrip(".")).endswith(RESERVED_DOMAINS)
