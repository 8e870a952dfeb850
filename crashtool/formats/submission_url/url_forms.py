"""The three forms of a submission URL: text to SubmissionUrl and back, and from one to another."""

from __future__ import annotations

from urllib.parse import quote, unquote

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url.url_parts import UrlParts, join_parameters, split_url

HOSTED, SELF_HOSTED, ROOT = "hosted", "self-hosted", "root"
FORMS = (HOSTED, SELF_HOSTED, ROOT)
HOSTED_NAME = "submit.backtrace.io"
BACKTRACE_DOMAIN = ".backtrace.io"
SELF_HOSTED_DOMAIN = ".sp.backtrace.io"
TLS_PORT, PLAIN_PORT = 6098, 6097
TOKEN_LENGTH = 64


class Format(NamedTuple):
    """What a URL takes; `token` is the kind of token its endpoint asks for."""

    name: str
    token: str
    meaning: str


FORMATS = {
    url_format.name: url_format
    for url_format in (
        Format("minidump", "submission", "minidumps, as crashpad_handler sends them"),
        Format("json", "submission", "reports in Backtrace's own JSON"),
        Format("btt", "submission", "snapshots of Backtrace's own tracers"),
        Format("plcrash", "submission", "PLCrashReporter reports"),
        Format("symbols", "symbol", "debug files, alone or in an archive"),
        Format("proguard", "symbol", "ProGuard mapping files"),
        Format("sourcemap", "symbol", "JavaScript source maps"),
    )
}


class SubmissionUrl(NamedTuple):
    """What a submission URL says. `attributes` are the other query parameters, still encoded.

    `port` is None for the scheme's own. `path` is where a self-hosted server listens. The root form
    holds neither token nor format: they travel as annotations.
    """

    form: str
    scheme: str
    host: str
    port: int | None
    universe: str = ""
    token: str = ""
    format: str = ""
    path: str = "/post"
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations without which reports to this URL are refused: the root form's two."""
        if self.form != ROOT:
            return {}
        return {"token": self.token, "format": self.format or "minidump"}


def new_submission_url(
    form: str = "",
    *,
    universe: str = "",
    token: str = "",
    host: str = "",
    port: int | None = None,
    plain_http: bool = False,
    format_name: str = "minidump",
) -> SubmissionUrl:
    """A URL from its pieces; the form, when not named, follows from whether there is a host.

    Self-hosted and root default to port 6098, to 6097 without TLS, and to the universe's own
    `<universe>.sp.backtrace.io`. UsageError says which piece is missing.
    """
    form = form or (SELF_HOSTED if host else HOSTED)
    if form == HOSTED and not universe:
        raise UsageError(
            "a hosted URL needs the universe", hint="--universe NAME, or --host for your own server"
        )
    if not host and not universe:
        raise UsageError(f"a {form} URL needs a host", hint="--host NAME, or --universe NAME")
    if not host:
        host = HOSTED_NAME if form == HOSTED else universe + SELF_HOSTED_DOMAIN
    if form != HOSTED and port is None:
        port = PLAIN_PORT if plain_http else TLS_PORT
    scheme = "http" if plain_http else "https"
    return SubmissionUrl(form, scheme, _plain_host(host), port, universe, token, format_name)


def build_url(url: SubmissionUrl) -> str:
    """The URL's text. Universe, token and format are percent-encoded where they need it."""
    origin = f"{url.scheme}://{url.host}" + ("" if url.port is None else f":{url.port}")
    own: list[tuple[str, str]] = []
    if url.form == HOSTED:
        pieces = (url.universe, url.token, url.format)
        path = "/" + "/".join(quote(piece, safe="") for piece in pieces)
    elif url.form == SELF_HOSTED:
        path = url.path
        own = [("format", quote(url.format, safe="")), ("token", quote(url.token, safe=""))]
    else:
        path = "/"
    query = join_parameters([*own, *url.attributes])
    return origin + path + ("" if query is None else f"?{query}")


def parse_submission_url(text: str) -> SubmissionUrl:
    """The URL as values. UsageError when it is not an http(s) URL of one of the three forms.

    Takes whatever can be understood; whether it is right is for the rules to say.
    """
    parts = split_url(text)
    form = find_form(parts)
    if parts.scheme.lower() not in ("http", "https") or not parts.host or form is None:
        raise UsageError(
            "this URL has none of the forms that Backtrace takes",
            hint=f"https://{HOSTED_NAME}/UNIVERSE/TOKEN/minidump, "
            "https://HOST:6098/post?format=minidump&token=TOKEN, or https://HOST:6098/",
        )
    port = None if parts.port is None else parts.port_number
    values: dict[str, str] = {"universe": find_universe(parts)}
    own: tuple[str, ...] = ()
    if form == HOSTED:
        pieces = [unquote(piece) for piece in parts.segments if piece] + ["", "", ""]
        values |= dict(zip(("universe", "token", "format"), pieces[:3], strict=True))
    elif form == SELF_HOSTED:
        own = ("format", "token")
        values |= {name: unquote(parts.parameter(name) or "") for name in own}
        values["path"] = parts.path or "/post"
    attributes = tuple(pair for pair in parts.parameters if pair[0] not in own)
    return SubmissionUrl(
        form, parts.scheme.lower(), parts.host, port, attributes=attributes, **values
    )


def find_form(parts: UrlParts) -> str | None:
    """Which of the forms a URL has, going by its path and query; None when none fits."""
    names = [name for name, _ in parts.parameters]
    segments = [piece for piece in parts.segments if piece]
    if "sentry_key" in names:
        return None
    if parts.host.lower() == HOSTED_NAME and segments != ["post"]:
        return HOSTED if segments else ROOT
    if "token" in names or segments[-1:] == ["post"]:
        return SELF_HOSTED
    if not segments:
        return ROOT
    _, token, format_name, *more = [*segments, "", ""]
    complete = len(segments) == len(("universe", "token", "format"))
    ends_in_format = complete and format_name.lower() in FORMATS
    has_token = is_token(unquote(token)) and not any(more)
    return HOSTED if ends_in_format or has_token else None


def find_universe(parts: UrlParts) -> str:
    """The universe that the host of a self-hosted form names; "" when it names none."""
    name, dot, rest = parts.host.partition(".")
    return name if dot and rest.lower() in ("sp.backtrace.io", "in.backtrace.io") else ""


def is_token(text: str) -> bool:
    """Whether a text is a token: 64 hex characters."""
    return len(text) == TOKEN_LENGTH and not text.strip("0123456789abcdefABCDEF")


def convert(
    url: SubmissionUrl,
    *,
    form: str = "",
    format_name: str = "",
    token: str = "",
    universe: str = "",
    host: str = "",
    port: int | None = None,
    plain_http: bool | None = None,
) -> SubmissionUrl:
    """The same destination in another form, for another format or token; attributes are kept.

    Pieces not given stay. UsageError when a piece is needed that the URL does not hold: another
    kind of token, or the universe.
    """
    form = form or url.form
    wanted = format_name or url.format or "minidump"
    if token_kind(wanted) != token_kind(url.format or wanted) and not token:
        raise UsageError(
            f"'{wanted}' takes a {token_kind(wanted)} token, but the URL holds the one for "
            f"'{url.format}', a {token_kind(url.format)} token",
            hint="a project has separate tokens for the two: set "
            + ("CRASHTOOL_SYMBOLS_TOKEN" if token_kind(wanted) == "symbol" else "CRASHTOOL_TOKEN")
            + ", or hand it over with --token-file",
        )
    moved = _move(url, form, universe or url.universe, host)
    if plain_http is not None and plain_http != (moved.scheme == "http"):
        moved = moved._replace(scheme="http" if plain_http else "https")
        swapped = {TLS_PORT: PLAIN_PORT, PLAIN_PORT: TLS_PORT}
        moved = moved._replace(port=swapped.get(moved.port or 0, moved.port))
    if form != ROOT and not (token or url.token):
        raise UsageError(
            f"a {form} URL holds the token, and this one has none",
            hint="hand it over with --token-file or CRASHTOOL_TOKEN",
        )
    return moved._replace(
        token=token or url.token, format=wanted, port=moved.port if port is None else port
    )


def token_kind(format_name: str) -> str:
    """Which kind of token a format's endpoint takes: "submission" or "symbol"."""
    url_format = FORMATS.get(format_name)
    return url_format.token if url_format else "submission"


def _move(url: SubmissionUrl, form: str, universe: str, host: str) -> SubmissionUrl:
    """The URL in another form on the host that goes with it, or on the one given."""
    moved = url._replace(form=form, universe=universe)
    if form == HOSTED and not universe:
        raise UsageError(
            "a hosted URL needs the universe, which is not in this URL", hint="--universe NAME"
        )
    own_port = PLAIN_PORT if url.scheme == "http" else TLS_PORT
    changes_place = (form == HOSTED) != (url.form == HOSTED)
    if host:
        moved = moved._replace(host=_plain_host(host))
        return moved._replace(port=None if form == HOSTED else own_port) if changes_place else moved
    if changes_place and form == HOSTED:
        return moved._replace(host=HOSTED_NAME, port=None)
    if changes_place and url.host.lower() == HOSTED_NAME:
        return moved._replace(host=universe + SELF_HOSTED_DOMAIN, port=own_port, path="/post")
    if form != HOSTED and url.host.lower().endswith(SELF_HOSTED_DOMAIN):
        return moved._replace(host=universe + SELF_HOSTED_DOMAIN)
    return moved


def _plain_host(host: str) -> str:
    """A host alone, an IPv6 address in brackets. UsageError when more than a host is in it."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    colon_outside = ":" in host.rpartition("]")[2]
    if not host or colon_outside or any(character in "/?#@\\" for character in host):
        raise UsageError(
            f"'{host}' is not a host name", hint="the name alone, without scheme, port and path"
        )
    return host
