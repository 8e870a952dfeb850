"""Recognises what documentation puts where the user's own value belongs."""

WORDS = frozenset(
    ("changeme", "example", "fixme", "foobar", "host", "hostname", "instancesubdomain", "mytoken",
     "myuniverse", "placeholder", "submissiontoken", "subdomain", "symboltoken", "symbolstoken",
     "todo", "token", "universe", "universename", "yolo", "yourcompany", "yourdomain", "yourhost",
     "yourinstance", "yourname", "yourserver", "yoursubdomain", "yoursubmissiontoken",
     "yoursymboltoken", "yourteam", "yourtoken", "youruniverse")
)  # fmt: skip
SHORTEST_ROW = {"x.": 3, "0": 8}
FRAMES = (("%", "%"), ("__", "__"), ("@", "@"))
RESERVED_DOMAINS = (".example", ".example.com", ".example.net", ".example.org", ".invalid")


def is_placeholder(text: str) -> bool:
    """Whether a value was meant to be replaced: `<token>`, `your_token`, `$TOKEN`, `xxx`, zeros."""
    if any(character in "<>{}" for character in text) or text.startswith("$"):
        return True
    if any(text.startswith(a) and text.endswith(b) and text.strip(a) for a, b in FRAMES):
        return True
    plain = text.lower().replace("_", "").replace("-", "").replace(" ", "")
    return plain in WORDS or any(
        len(plain) >= least and not plain.strip(row) for row, least in SHORTEST_ROW.items()
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
