"""Rules about what a URL says: form, universe, token and format."""

from __future__ import annotations

from crashtool.errors import UsageError
from crashtool.formats.redaction import KEPT, redact_token
from crashtool.formats.submission_url.finding import ERROR, WARNING, PartlyFixedUrl, UrlFault
from crashtool.formats.submission_url.placeholders import (
    find_host_placeholder,
    find_variables,
    is_placeholder,
    is_reserved_host,
)
from crashtool.formats.submission_url.url_forms import (
    BACKTRACE_DOMAIN,
    FORMATS,
    HOSTED,
    HOSTED_NAME,
    ROOT,
    SELF_HOSTED,
    TOKEN_LENGTH,
    SubmissionUrl,
    build_url,
    is_token,
    parse_submission_url,
    token_kind,
)
from crashtool.formats.submission_url.url_parts import join_parameters

PIECES = ("universe", "token", "format")
UNIVERSE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
NEAR_FORMATS = {
    "dmp": "minidump",
    "dump": "minidump",
    "dumps": "minidump",
    "mdmp": "minidump",
    "minidumps": "minidump",
    "symbol": "symbols",
    "sym": "symbols",
    "plcrashreporter": "plcrash",
    "sourcemaps": "sourcemap",
    "symbols-proguard": "proguard",
}


def foreign_service(draft: PartlyFixedUrl) -> UrlFault | None:
    """A URL of Backtrace, not of another service."""
    parts = draft.parts
    host = parts.host.lower()
    others = {"sentry": "Sentry", "bugsplat": "BugSplat", "bugsnag": "Bugsnag"}
    service = next((name for word, name in others.items() if word in host.split(".")), None)
    if parts.parameter("sentry_key") is not None:
        service = "Sentry"
    if service is None:
        return None
    return UrlFault(
        ERROR,
        f"This is a URL of {service}.",
        "It follows that service's rules; Backtrace's tokens and formats mean nothing there.",
    )


def form_unknown(draft: PartlyFixedUrl) -> UrlFault | None:
    """One of the three forms that Backtrace takes."""
    parts = draft.parts
    host = parts.host.lower()
    pieces = [piece for piece in parts.segments if piece]
    count = len(PIECES)
    ours = host.endswith(BACKTRACE_DOMAIN) or host == BACKTRACE_DOMAIN[1:]
    if not host or foreign_service(draft):
        return None
    if host == "unreal.backtrace.io" and pieces[:1] == ["post"] and len(pieces) == count:
        moved = parts._replace(
            host=HOSTED_NAME, port=None, path=f"/{pieces[1]}/{pieces[2]}/minidump"
        )
        return UrlFault(
            ERROR,
            "This is the URL for Unreal Engine's own crash reporter (DataRouterUrl).",
            "It does not take what crashpad_handler sends.",
            moved.text,
        )
    if host == HOSTED_NAME and (len(pieces) > count or not pieces):
        return UrlFault(
            ERROR,
            f"On {HOSTED_NAME} the path is /UNIVERSE/TOKEN/FORMAT; this one has {len(pieces)} "
            "pieces.",
            "The server answers HTTP 503 for an unknown universe or a missing format.",
        )
    if _find_reading(draft) is not None or not parts.scheme:
        return None
    return UrlFault(
        ERROR if ours else WARNING,
        "The URL has none of the forms that Backtrace takes: /UNIVERSE/TOKEN/FORMAT, "
        "/post?format=FORMAT&token=TOKEN, or / alone.",
        "It is a page for people, not an address for reports."
        if ours
        else "Neither token nor format can be checked; the server must know what to do.",
    )


def placeholder(draft: PartlyFixedUrl) -> UrlFault | None:
    """The user's own values, not those of a documentation."""
    reading = _find_reading(draft)
    parts = draft.parts
    host = find_host_placeholder(parts.host)
    placeholders = {"host": host} if host else {}
    if reading is not None:
        values = {
            "universe": reading.universe if reading.form == HOSTED else "",
            "token": reading.token,
            "format": reading.format,
        }
        placeholders |= {name: value for name, value in values.items() if is_placeholder(value)}
    if not placeholders and (
        variables := find_variables(f"{parts.host}{parts.path}?{parts.query or ''}")
    ):
        shown = " and ".join(f"`{redact_token(text)[:40]}`" for text in dict.fromkeys(variables))
        return UrlFault(
            ERROR,
            f"The URL holds {shown}, for which nothing has put a value.",
            "What should have replaced it (a shell, a build script) did not, and the server is "
            "sent its name.",
        )
    if placeholders:
        shown = " and ".join(
            f"{name} (`{redact_token(value)[:40]}`)" for name, value in placeholders.items()
        )
        return UrlFault(
            ERROR,
            f"The URL has a placeholder instead of the {shown}.",
            "Your own value belongs there: the project settings in Backtrace show universe and "
            "token.",
        )
    if is_reserved_host(draft.parts.host):
        return UrlFault(
            WARNING,
            f"`{draft.parts.host}` is a name for examples, which no server can have.",
            "Reports go nowhere.",
        )
    return None


def universe_invalid(draft: PartlyFixedUrl) -> UrlFault | None:
    """A universe is a part of host names."""
    reading = _find_reading(draft)
    if reading is None or reading.form != HOSTED or placeholder(draft):
        return None
    universe = reading.universe
    if not universe or is_token(universe) or UNIVERSE.issuperset(universe):
        return None
    if universe.lower().endswith(BACKTRACE_DOMAIN):
        name = universe.partition(".")[0]
        words = f"`{universe[:80]}` is a host; its universe is `{name}`."
        return UrlFault(
            ERROR,
            words,
            "The server knows no such universe (HTTP 503).",
            build_url(reading._replace(universe=name)),
        )
    return UrlFault(
        ERROR,
        f"`{universe[:40]}` cannot be a universe: it is a part of a host's name, made of letters, "
        "digits and hyphens.",
        "The server knows no such universe (HTTP 503): take it from the address of your Backtrace "
        "console, https://UNIVERSE.sp.backtrace.io.",
    )


def places_swapped(draft: PartlyFixedUrl) -> UrlFault | None:
    """Universe first, then the token."""
    reading = _find_reading(draft)
    if reading is None or reading.form != HOSTED or not is_token(reading.universe):
        return None
    swapped = reading._replace(universe=reading.token, token=reading.universe)
    possible = bool(reading.token) and reading.token not in FORMATS and not is_token(reading.token)
    return UrlFault(
        ERROR,
        "The token is where the universe belongs.",
        "The server knows no such universe (HTTP 503).",
        build_url(swapped) if possible else None,
    )


def token_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """A token, except in the root form."""
    reading = _find_reading(draft)
    if reading is None or reading.form == ROOT or is_token(reading.universe):
        return None
    if reading.token and reading.token not in FORMATS:
        return None
    where = "/UNIVERSE/TOKEN/FORMAT" if reading.form == HOSTED else "token=TOKEN in the query"
    return UrlFault(
        ERROR, f"The URL has no token ({where}).", "The server refuses every report (HTTP 403)."
    )


def token_not_64_hex(draft: PartlyFixedUrl) -> UrlFault | None:
    """A token of 64 hex characters."""
    reading = _find_reading(draft)
    if reading is None or reading.form == ROOT or not reading.token or is_token(reading.token):
        return None
    token = reading.token
    if token in FORMATS or is_placeholder(token) or placeholder(draft):
        return None
    strange = token.strip("0123456789abcdefABCDEF")
    problem = f"{len(token)} characters, not {TOKEN_LENGTH}"
    if len(token) == TOKEN_LENGTH:
        problem = "characters that are not hex digits" + (
            f", the first of them `{strange[0]}`" if strange else ""
        )
    return UrlFault(
        WARNING if draft.parts.is_loopback else ERROR,
        f"The token ({token[:KEPT]}...) has {problem}.",
        "A character got lost or added in copying, or this is not a token: the server refuses "
        "every report (HTTP 403).",
    )


def parameter_repeated(draft: PartlyFixedUrl) -> UrlFault | None:
    """Token and format once."""
    names = [name for name, _ in draft.parts.parameters]
    twice = [name for name in ("token", "format") if names.count(name) > 1]
    if not twice:
        return None
    rows = draft.parts.parameters
    kept = [
        pair
        for index, pair in enumerate(rows)
        if pair[0] not in ("token", "format") or pair not in rows[:index]
    ]
    same = len([pair for pair in kept if pair[0] in twice]) == len(twice)
    return UrlFault(
        ERROR,
        f"The query gives {' and '.join(twice)} more than once.",
        "Which of them counts is up to the server.",
        draft.parts._replace(query=join_parameters(kept)).text if same else None,
    )


def format_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """A format, except in the root form."""
    reading = _find_reading(draft)
    if reading is None or reading.form == ROOT or reading.format:
        return None
    wanted = draft.purpose.format or "minidump"
    mended = None
    bare = [pair for pair in reading.attributes if pair[0] in FORMATS and not pair[1]]
    if reading.form == SELF_HOSTED and bare:  # a form that a page of Backtrace's manual shows
        others = tuple(pair for pair in reading.attributes if pair not in bare)
        mended = build_url(reading._replace(format=bare[0][0], attributes=others))
    elif reading.token and reading.token not in FORMATS:
        mended = build_url(reading._replace(format=wanted))
    return UrlFault(
        ERROR,
        "The URL does not say the format.",
        "The server does not know what it is sent and answers HTTP 503.",
        mended,
    )


def format_unknown(draft: PartlyFixedUrl) -> UrlFault | None:
    """A format that Backtrace knows."""
    reading = _find_reading(draft)
    if reading is None or reading.format in FORMATS or not reading.format:
        return None
    if is_placeholder(reading.format) or is_token(reading.format):
        return None
    near = reading.format.lower()
    near = NEAR_FORMATS.get(near, near)
    mended = build_url(reading._replace(format=near)) if near in FORMATS else None
    return UrlFault(
        ERROR,
        f"`{redact_token(reading.format)[:40]}` is not a format: {', '.join(FORMATS)}.",
        "The server does not know what it is sent and answers HTTP 503.",
        mended,
    )


def format_unexpected(draft: PartlyFixedUrl) -> UrlFault | None:
    """The format that fits what will be sent."""
    reading = _find_reading(draft)
    purpose = draft.purpose
    wanted = purpose.format or ("minidump" if purpose.platform else "")
    if reading is None or reading.form == ROOT or reading.format not in FORMATS or not wanted:
        return None
    if reading.format == wanted:
        return None
    fits = token_kind(reading.format) == token_kind(wanted)
    sender = "" if purpose.format else " and crashpad_handler sends minidumps"
    return UrlFault(
        ERROR,
        f"The URL is for {FORMATS[reading.format].meaning}{sender}.",
        f"What is sent is processed as `{reading.format}` and fails."
        if fits
        else f"What is sent is refused or fails: `{wanted}` takes a {token_kind(wanted)} token, "
        f"and this URL should hold a {token_kind(reading.format)} token.",
        build_url(reading._replace(format=wanted)) if fits else None,
    )


def wrong_kind_of_token(draft: PartlyFixedUrl) -> UrlFault | None:
    """The kind of token that the format's endpoint takes."""
    reading = _find_reading(draft)
    if reading is None or reading.format not in FORMATS or not is_token(reading.token):
        return None
    kind = token_kind(reading.format)
    purpose = draft.purpose
    right, wrong = purpose.token, purpose.symbols_token
    if kind == "symbol":
        right, wrong = wrong, right
    if reading.token != wrong or right == wrong:
        return None
    other = "submission" if kind == "symbol" else "symbol"
    return UrlFault(
        ERROR,
        f"The token is the {other} token, but `{reading.format}` takes the {kind} token.",
        "The server says `invalid token` (HTTP 403).",
        build_url(reading._replace(token=right)) if is_token(right) else None,
    )


def root_form(draft: PartlyFixedUrl) -> UrlFault | None:
    """Token and format in the URL rather than in annotations."""
    reading = _find_reading(draft)
    if reading is None or reading.form != ROOT or draft.parts.host.lower() == HOSTED_NAME:
        return None
    return UrlFault(
        WARNING,
        "The URL holds neither token nor format.",
        "Without the annotations `token` and `format` every report is refused, and with them the "
        "token is in every minidump.",
    )


def _find_reading(draft: PartlyFixedUrl) -> SubmissionUrl | None:
    if foreign_service(draft):
        return None
    try:
        return parse_submission_url(draft.text)
    except UsageError:
        return None
