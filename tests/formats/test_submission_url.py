"""The URL forms, and each named rule on a URL that breaks it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crashtool.errors import UsageError
from crashtool.formats.submission_url import (
    ERROR,
    FORMATS,
    FORMS,
    RULES,
    Purpose,
    SubmissionUrl,
    build_url,
    check_url,
    convert,
    fix_url,
    new_submission_url,
    parse_submission_url,
    redact_token,
    token_kind,
    url_rules,
)
from crashtool.formats.submission_url.finding import UrlFault
from crashtool.formats.submission_url.url_parts import split_url

TOKEN = "5c267f" + "a1" * 29
OTHER = "77bd10" + "e2" * 29
HOSTED = f"https://submit.backtrace.io/acme/{TOKEN}/minidump"
SELF_HOSTED = f"https://crash.acme.net:6098/post?format=minidump&token={TOKEN}"
ROOT = "https://crash.acme.net:6098/"

# rule, URL that breaks it, URL with only that mended (None: only the user knows)
BROKEN = [
    ("empty", "", None),
    ("empty", " \n", None),
    ("control-character", HOSTED.replace("/acme", "/ac\nme"), HOSTED),
    ("control-character", HOSTED.replace("/acme", "/ac\x00me"), HOSTED),
    ("blank-around", f"  {HOSTED}\r\n", HOSTED),
    ("blank-around", HOSTED.replace("acme", "ac\u200bme"), HOSTED),
    ("wrapping", f'"{HOSTED}"', HOSTED),
    ("wrapping", f"<{HOSTED}>", HOSTED),
    ("wrapping", f"{HOSTED}'", HOSTED),
    ("backslash", HOSTED.replace("/", "\\"), HOSTED),
    ("blank-inside", f"{HOSTED}?version=1 b", f"{HOSTED}?version=1%20b"),
    ("blank-inside", HOSTED.replace("acme", "ac me"), None),
    ("scheme-doubled", f"https://{HOSTED}", HOSTED),
    ("scheme-doubled", f"http://{HOSTED}", HOSTED),
    ("scheme-missing", HOSTED.removeprefix("https://"), HOSTED),
    ("scheme-missing", HOSTED.removeprefix("https:"), HOSTED),
    ("scheme-missing", SELF_HOSTED.removeprefix("https://"), SELF_HOSTED),
    ("scheme-separator", HOSTED.replace("://", ":/"), HOSTED),
    ("scheme-separator", HOSTED.replace("://", ":///"), HOSTED),
    ("scheme-separator", HOSTED.replace("://", ":"), HOSTED),
    ("scheme-unknown", HOSTED.replace("https", "ftp"), None),
    ("scheme-upper-case", HOSTED.replace("https", "HTTPS"), HOSTED),
    ("user-password", HOSTED.replace("://", "://me:secret@"), HOSTED),
    ("user-password", HOSTED.replace("://", "://me@"), HOSTED),
    ("host-missing", "https://", None),
    ("host-missing", "https://:6098/", None),
    (
        "non-ascii-host",
        SELF_HOSTED.replace("acme", "bücher"),
        SELF_HOSTED.replace("acme", "xn--bcher-kva"),
    ),
    ("non-ascii-host", f"https://{'é' * 70}.net:6098/", None),
    ("host-invalid", ROOT.replace("acme", "ac!me"), None),
    ("host-invalid", ROOT.replace("crash.", "crash.."), None),
    ("host-invalid", "https://[::1/", None),
    ("ipv6-address", "https://[2001:db8::1]:6098/", None),
    ("port-invalid", ROOT.replace("6098", "65536"), None),
    ("port-invalid", ROOT.replace("6098", "0"), None),
    ("port-invalid", ROOT.replace("6098", "abc"), None),
    ("port-invalid", ROOT.replace("6098", ""), ROOT.replace(":6098", "")),
    ("port-mismatch", SELF_HOSTED.replace("6098", "6097"), SELF_HOSTED),
    ("port-mismatch", SELF_HOSTED.replace("https", "http"), SELF_HOSTED),
    ("port-mismatch", HOSTED.replace(".io/", ".io:80/"), HOSTED),
    ("port-mismatch", HOSTED.replace("https", "http").replace(".io/", ".io:443/"), HOSTED),
    ("plain-http", HOSTED.replace("https", "http"), HOSTED),
    ("plain-http", SELF_HOSTED.replace("https", "http").replace("6098", "6097"), SELF_HOSTED),
    ("plain-http", "http://crash.acme.net:8080/", None),
    ("fragment", f"{HOSTED}#top", HOSTED),
    ("fragment", "https://crash.acme.net:6098/#/post?token=x", None),
    ("ampersand-before-query", f"{HOSTED}&version=1", f"{HOSTED}?version=1"),
    ("ampersand-before-query", f"{HOSTED}&a=1?b=2", f"{HOSTED}?a=1&b=2"),
    ("path-missing", ROOT.rstrip("/"), ROOT),
    ("path-missing", SELF_HOSTED.replace("/post", ""), SELF_HOSTED),
    ("double-slash", SELF_HOSTED.replace("/post", "//post"), SELF_HOSTED),
    ("double-slash", HOSTED.replace("/acme", "//acme"), HOSTED),
    ("trailing-slash", f"{HOSTED}/", HOSTED),
    ("trailing-slash", SELF_HOSTED.replace("?", "/?"), SELF_HOSTED),
    ("second-question-mark", f"{HOSTED}?a=1?b=2", f"{HOSTED}?a=1&b=2"),
    ("empty-parameter", f"{HOSTED}?", HOSTED),
    ("empty-parameter", f"{HOSTED}?a=1&&b=2&", f"{HOSTED}?a=1&b=2"),
    ("non-ascii", f"{HOSTED}?name=é", f"{HOSTED}?name=%C3%A9"),
    (
        "non-ascii",
        SELF_HOSTED.replace("/post", "/é/post"),
        SELF_HOSTED.replace("/post", "/%C3%A9/post"),
    ),
    ("universe-invalid", HOSTED.replace("acme", "acme%20corp"), None),
    ("universe-invalid", HOSTED.replace("acme", "acme.sp.backtrace.io"), HOSTED),
    ("web-console", "https://acme.sp.backtrace.io/p/Game/explore?filters=1#x", None),
    ("web-console", "https://acme.sp.backtrace.io/p/Game/symbols", None),
    ("web-console", "https://acme.sp.backtrace.io/dashboard/acme/project/Game", None),
    ("web-console", "acme.backtrace.io/p/Game/triage", None),
    ("web-console", "https://backtrace.io/login", None),
    ("percent", f"{HOSTED}?share=50%", f"{HOSTED}?share=50%25"),
    ("redirecting-host", HOSTED.replace("submit.", ""), HOSTED),
    ("redirecting-host", "https://www.backtrace.io/", None),
    (
        "port-missing",
        SELF_HOSTED.replace("crash.acme.net:6098", "acme.sp.backtrace.io"),
        SELF_HOSTED.replace("crash.acme.net", "acme.sp.backtrace.io"),
    ),
    ("foreign-service", "https://o1.ingest.sentry.io/api/2/minidump/?sentry_key=abc", None),
    ("web-console", "https://acme.backtrace.io/p/game/triage", None),
    ("form-unknown", f"https://submit.backtrace.io/a/b/{TOKEN}/minidump", None),
    ("form-unknown", f"https://unreal.backtrace.io/post/acme/{TOKEN}", HOSTED),
    ("form-unknown", "https://crash.acme.net/collect", None),
    ("placeholder", HOSTED.replace(TOKEN, "<token>"), None),
    ("placeholder", HOSTED.replace(TOKEN, "{token}"), None),
    ("placeholder", HOSTED.replace(TOKEN, "your_token"), None),
    ("placeholder", HOSTED.replace(TOKEN, "0" * 64), None),
    ("placeholder", HOSTED.replace(TOKEN, "$TOKEN"), None),
    ("placeholder", HOSTED.replace(TOKEN, "%TOKEN%"), None),
    ("placeholder", HOSTED.replace(TOKEN, "%FACTORY_TOKEN%"), None),  # %FA could be a byte
    ("placeholder", HOSTED.replace("acme", "%BACKTRACE_UNIVERSE%"), None),
    ("placeholder", HOSTED.replace("acme", "acme-%STAGE%"), None),
    ("placeholder", HOSTED.replace(TOKEN, "${TOKEN}"), None),
    ("placeholder", HOSTED.replace(TOKEN, "$(Token)"), None),
    ("placeholder", HOSTED.replace("acme", "{{universe}}"), None),
    ("placeholder", HOSTED.replace("acme", "@UNIVERSE@"), None),
    ("placeholder", SELF_HOSTED.replace("crash.acme.net", "%HOST%"), None),
    ("placeholder", f"{HOSTED}?version=${{VERSION}}", None),
    ("placeholder", HOSTED.replace("acme", "yolo"), None),
    ("placeholder", HOSTED.replace("acme", "example"), None),
    ("placeholder", "https://your_host.sp.backtrace.io:6098/", None),
    ("placeholder", "https://crash.example.com:6098/", None),
    ("places-swapped", f"https://submit.backtrace.io/{TOKEN}/acme/minidump", HOSTED),
    ("places-swapped", f"https://submit.backtrace.io/{TOKEN}", None),
    ("token-missing", "https://submit.backtrace.io/acme/minidump", None),
    ("token-missing", SELF_HOSTED.partition("&")[0], None),
    ("token-not-64-hex", HOSTED.replace(TOKEN, TOKEN[:-1]), None),
    ("token-not-64-hex", HOSTED.replace(TOKEN, TOKEN + "0"), None),
    ("token-not-64-hex", HOSTED.replace(TOKEN, TOKEN[:-1] + "g"), None),
    ("parameter-repeated", f"{SELF_HOSTED}&token={TOKEN}", SELF_HOSTED),
    ("parameter-repeated", f"{SELF_HOSTED}&token={OTHER}", None),
    ("format-missing", HOSTED.removesuffix("/minidump"), HOSTED),
    ("format-missing", SELF_HOSTED.replace("format=minidump", "minidump"), SELF_HOSTED),
    ("format-missing", SELF_HOSTED.replace("format=minidump&", ""), SELF_HOSTED),
    ("format-unknown", HOSTED.replace("minidump", "Minidump"), HOSTED),
    ("format-unknown", HOSTED.replace("minidump", "dmp"), HOSTED),
    ("format-unknown", HOSTED.replace("minidump", "crash"), None),
    ("root-form", ROOT, None),
]
IDS = [f"{rule}-{number}" for number, (rule, _, _) in enumerate(BROKEN)]


@pytest.mark.parametrize(("rule", "broken", "mended"), BROKEN, ids=IDS)
def test_a_broken_rule_is_named_with_its_correction(rule, broken, mended):
    findings = {finding.rule: finding for finding in check_url(broken)}

    assert rule in findings
    assert findings[rule].corrected == mended


@pytest.mark.parametrize(("rule", "broken", "mended"), BROKEN, ids=IDS)
def test_messages_are_sentences_without_a_token(rule, broken, mended):
    for finding in check_url(broken):
        assert finding.cause.endswith(".")
        assert finding.consequence.endswith(".")
        assert not finding.cause[0].islower()
        assert TOKEN not in finding.cause + finding.consequence


@pytest.mark.parametrize("mended", sorted({url for _, _, url in BROKEN if url}))
def test_a_corrected_url_is_valid(mended):
    assert not [finding for finding in check_url(mended) if finding.severity == ERROR]


@pytest.mark.parametrize("text", ["%TOKEN%", "%FACTORY_TOKEN%", "${TOKEN}", "{{token}}"])
def test_a_placeholder_is_told_once_and_never_encoded(text):
    findings = check_url(HOSTED.replace(TOKEN, text))

    assert [finding.rule for finding in findings] == ["placeholder"]
    assert findings[0].corrected is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://acme.sp.backtrace.io/p/Game/explore", "submit.backtrace.io/acme/TOKEN/minidump"),
        ("https://www.backtrace.io/pricing", "submit.backtrace.io/UNIVERSE/TOKEN/minidump"),
    ],
)
def test_an_address_of_the_console_is_explained_and_not_corrected(url, words):
    (finding,) = check_url(url)

    assert words in finding.consequence
    assert fix_url(url) == url


@pytest.mark.parametrize("url", [f"{HOSTED}?a=%C3%A9", f"{HOSTED}?a=%AB%20%CD"])
def test_encoded_bytes_are_no_variable(url):
    assert check_url(url) == ()


def test_every_rule_is_broken_by_some_url_here():
    purposeful = {"format-unexpected", "wrong-kind-of-token"}

    assert {rule for rule, _, _ in BROKEN} | purposeful == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    "url",
    [
        HOSTED,
        f"{HOSTED}?version=1.0",
        SELF_HOSTED,
        f"https://crash.acme.net/api/post?token={TOKEN}&format=minidump",
        f"https://acme.sp.backtrace.io:6098/post?format=symbols&token={TOKEN}&tag=a",
        f"http://127.0.0.1:8080/acme/{TOKEN}/minidump",
        f"http://localhost:8080/post?format=minidump&token={TOKEN}",
        f"https://submit.backtrace.io/Aardvark/{TOKEN.upper()}/proguard?symbolication_id=1-2",
    ],
)
def test_a_good_url_has_no_finding(url):
    assert check_url(url) == ()
    assert fix_url(url) == url


@pytest.mark.parametrize(
    ("url", "severities"),
    [
        (
            ROOT.rstrip("/"),
            {"windows": "error", "android": "error", "linux": "warning", "macos": "warning"},
        ),
        (HOSTED.replace("https", "HTTPS"), {"android": "error"}),
        ("https://[2001:db8::1]:6098/", {"android": "error"}),
    ],
)
def test_a_platform_narrows_to_what_its_transport_does(url, severities):
    rules = {"path-missing", "scheme-upper-case", "ipv6-address"}

    for platform in ("windows", "linux", "macos", "android"):
        found = [f for f in check_url(url, Purpose(platform=platform)) if f.rule in rules]
        expected = [severities[platform]] if platform in severities else []
        assert [f.severity for f in found] == expected


def test_a_consequence_speaks_only_of_the_platform_asked_for():
    (finding, _) = check_url(ROOT.rstrip("/"), Purpose(platform="windows"))

    assert "WinHttpCrackUrl" in finding.consequence
    assert "libcurl" not in finding.consequence


def test_plain_http_that_is_meant_is_fine():
    url = SELF_HOSTED.replace("https", "http").replace("6098", "6097")

    assert check_url(url, Purpose(plain_http=True)) == ()
    assert fix_url(SELF_HOSTED.replace("6098", "6097"), Purpose(plain_http=True)) == url


def test_another_format_than_expected_is_mended_only_within_the_kind_of_token():
    wanted = Purpose(format="json")
    (within,) = check_url(HOSTED, wanted)
    (across,) = check_url(HOSTED.replace("minidump", "symbols"), wanted)

    assert (within.rule, within.corrected) == (
        "format-unexpected",
        HOSTED.replace("minidump", "json"),
    )
    assert across.corrected is None


def test_a_platform_means_that_minidumps_are_sent():
    (finding,) = check_url(HOSTED.replace("minidump", "symbols"), Purpose(platform="linux"))

    assert finding.rule == "format-unexpected"
    assert "crashpad_handler" in finding.cause


@pytest.mark.parametrize("format_name", list(FORMATS))
def test_a_token_of_the_wrong_kind_is_known_by_its_value(format_name):
    right, wrong = (OTHER, TOKEN) if token_kind(format_name) == "symbol" else (TOKEN, OTHER)
    url = HOSTED.replace("minidump", format_name).replace(TOKEN, wrong)

    (finding,) = check_url(url, Purpose("", "", False, TOKEN, OTHER))

    assert finding.rule == "wrong-kind-of-token"
    assert finding.corrected == url.replace(wrong, right)


def test_a_token_on_this_machine_may_be_anything():
    (finding,) = check_url("http://127.0.0.1:8080/acme/secret/minidump")

    assert (finding.rule, finding.severity) == ("token-not-64-hex", "warning")


def test_corrections_add_up():
    broken = f' "HTTPS://me:pw@submit.backtrace.io:80//acme/{TOKEN}/Minidump/&version=1 b#x"'

    assert fix_url(broken) == f"{HOSTED}?version=1%20b"


def test_mending_ends_even_if_rules_disagree_for_ever(monkeypatch):
    def never_content(draft):
        return UrlFault(ERROR, "It is too short.", "It grows.", draft.text + "x")

    monkeypatch.setattr(url_rules, "RULES", (url_rules.UrlRule("never-content", never_content),))

    assert fix_url("h") == "h" + "x" * url_rules.PASSES


# ---- forms

universes = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{1,20}", fullmatch=True).filter(
    lambda text: text.lower() not in FORMATS and text != "post"
)
tokens = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.text("abcdefghijklmnopqrstuvwxyz._", min_size=1, max_size=8).filter(
    lambda name: name not in ("token", "format", "sentry_key")
)
attributes = st.lists(
    st.tuples(names, st.from_regex(r"[A-Za-z0-9.%20]{0,6}", fullmatch=True)), max_size=3
)


@given(
    form=st.sampled_from(FORMS),
    universe=universes,
    token=tokens,
    port=st.none() | st.integers(1, 65535),
    plain_http=st.booleans(),
    format_name=st.sampled_from(list(FORMATS)),
    attributes=attributes,
)
def test_what_is_built_is_parsed_again(
    form, universe, token, port, plain_http, format_name, attributes
):
    made = new_submission_url(
        form,
        universe=universe,
        token=token,
        port=port,
        plain_http=plain_http,
        format_name=format_name,
    )._replace(attributes=tuple(attributes))
    if form == "root":  # which holds neither token nor format
        made = made._replace(token="", format="")

    assert parse_submission_url(build_url(made)) == made
    assert build_url(parse_submission_url(build_url(made))) == build_url(made)


@pytest.mark.parametrize("target", FORMS)
@pytest.mark.parametrize("source", FORMS)
def test_each_form_converts_into_each_and_keeps_attributes(source, target):
    made = new_submission_url(source, universe="acme", token=TOKEN)
    made = made._replace(attributes=(("version", "1%20b"),))
    there = convert(made, form=target)
    back = convert(there, form=source, token=TOKEN)

    assert there.form == target
    assert build_url(there).endswith("version=1%20b")
    assert not [f for f in check_url(build_url(there)) if f.severity == ERROR]
    assert build_url(back) == build_url(made)


def test_another_kind_of_format_needs_another_token():
    url = parse_submission_url(HOSTED)

    with pytest.raises(UsageError, match="'symbols' takes a symbol token") as caught:
        convert(url, format_name="symbols")
    assert "CRASHTOOL_SYMBOLS_TOKEN" in caught.value.hint
    with pytest.raises(UsageError, match="submission token") as caught:
        convert(url._replace(format="symbols"), format_name="minidump")
    assert "CRASHTOOL_TOKEN" in caught.value.hint
    assert build_url(convert(url, format_name="symbols", token=OTHER)) == (
        f"https://submit.backtrace.io/acme/{OTHER}/symbols"
    )
    assert build_url(convert(url, format_name="json")) == HOSTED.replace("minidump", "json")


def test_a_universe_named_like_a_format_is_left_alone():
    url = parse_submission_url(HOSTED.replace("acme", "jsonworks"))

    assert build_url(convert(url, format_name="json")) == (
        f"https://submit.backtrace.io/jsonworks/{TOKEN}/json"
    )


def test_converting_names_what_the_url_does_not_hold():
    with pytest.raises(UsageError, match="needs the universe"):
        convert(parse_submission_url(SELF_HOSTED), form="hosted")
    with pytest.raises(UsageError, match="holds the token"):
        convert(parse_submission_url(ROOT), form="self-hosted")


def test_a_host_can_be_changed_on_the_way():
    url = parse_submission_url(HOSTED)

    assert convert(url, host="crash.acme.net", form="self-hosted")[:4] == (
        "self-hosted",
        "https",
        "crash.acme.net",
        6098,
    )
    assert convert(url, form="self-hosted", plain_http=True)[1:4] == (
        "http",
        "acme.sp.backtrace.io",
        6097,
    )
    assert convert(convert(url, form="root"), universe="other").host == "other.sp.backtrace.io"
    assert convert(url, host="localhost", port=8080).port == 8080
    assert convert(parse_submission_url(SELF_HOSTED), form="hosted", universe="acme", host="h")[
        :4
    ] == ("hosted", "https", "h", None)
    local = parse_submission_url(f"http://localhost:80/acme/{TOKEN}/minidump")
    assert convert(local, form="root").host == "localhost"
    assert convert(local, plain_http=False).scheme == "https"


@pytest.mark.parametrize("host", ["https://h", "h/p", "h:6098", "u@h", "h?x", "h#x"])
def test_a_host_is_a_name_alone(host):
    with pytest.raises(UsageError, match="not a host name"):
        new_submission_url(universe="acme", host=host, token=TOKEN)


def test_building_names_the_missing_piece():
    with pytest.raises(UsageError, match="universe"):
        new_submission_url("hosted", host="h", token=TOKEN)
    with pytest.raises(UsageError, match="host"):
        new_submission_url("root", token=TOKEN)
    assert new_submission_url(host="2001:db8::1").host == "[2001:db8::1]"


@pytest.mark.parametrize(
    "text", ["", "x", "ftp://h/", "https://", "https://h/collect", "https://h/a/b/c/d"]
)
def test_a_url_of_no_form_is_refused(text):
    with pytest.raises(UsageError, match="none of the forms"):
        parse_submission_url(text)


def test_only_the_root_form_needs_annotations():
    root = SubmissionUrl("root", "https", "h", 6098, token=TOKEN)

    assert root.annotations == {"token": TOKEN, "format": "minidump"}
    assert parse_submission_url(HOSTED).annotations == {}


# ---- any text at all

pieces = st.sampled_from(
    [
        "https", "HTTP", "ftp", "://", ":/", "//", "/", "\\", "?", "&", "#", "@", ":", "=", " ",
        "%", "\n", "\0", "é", "\udc80", "[", "]", "::1", "6098", "6097", "80", "65536",
        "submit.backtrace.io",
        "acme.sp.backtrace.io", "backtrace.io", "unreal.backtrace.io", "localhost", "post", "api",
        "minidump", "Symbols", "token", "format", "<token>", "acme", TOKEN, TOKEN[:-1], '"', "'",
        "version=1", "sentry_key=", "\u200b", "xn--", "..", ".",
    ]
)  # fmt: skip
texts = st.text() | st.lists(pieces, max_size=14).map("".join)
purposes = st.builds(
    Purpose,
    platform=st.sampled_from(["", "windows", "linux", "macos", "android"]),
    format=st.sampled_from(["", *FORMATS]),
    plain_http=st.booleans(),
    token=st.sampled_from(["", TOKEN]),
    symbols_token=st.sampled_from(["", TOKEN, OTHER]),
)


@settings(max_examples=600)
@example(text="http://h#?", purpose=Purpose())
@given(text=texts, purpose=purposes)
def test_any_text_can_be_checked_and_mending_twice_changes_nothing(text, purpose):
    mended = fix_url(text, purpose)

    assert fix_url(mended, purpose) == mended
    assert all(f.corrected in (None, mended) for f in check_url(mended, purpose))
    assert not [f for f in check_url(mended, purpose) if f.corrected is not None]


@given(text=texts)
def test_cutting_a_url_loses_nothing(text):
    assert split_url(text).text == text


# ---- tokens

hex_tokens = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)


@given(
    before=st.text(),
    token=st.text("0123456789abcdefABCDEF", min_size=64, max_size=64),
    after=st.text(),
)
def test_a_token_never_gets_through(before, token, after):
    shown = redact_token(before + token + after)

    assert token not in shown
    assert token[:20] not in shown or token[:20] in before + after
    assert redact_token(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TOKEN, "5c267f…"),
        (HOSTED, "https://submit.backtrace.io/acme/5c267f…/minidump"),
        (SELF_HOSTED, "https://crash.acme.net:6098/post?format=minidump&token=5c267f…"),
        ("https://h/post?token=not-hex-but-long&x=1", "https://h/post?token=not-he…&x=1"),
        (
            "https://submit.backtrace.io/u/not-hex-but-long/json",
            "https://submit.backtrace.io/u/not-he…/json",
        ),
        ("https://me:pass@word@h/", "https://me:…@h/"),
        (HOSTED.replace(TOKEN, "<token>"), "https://submit.backtrace.io/acme/<token>/minidump"),
        ("build id " + "ab" * 20, "build id " + "ab" * 20),
    ],
)
def test_secrets_are_shown_by_their_beginning(text, shown):
    assert redact_token(text) == shown


@pytest.mark.parametrize("text", ["TOKEN=", "to\u212aen="])
def test_a_token_is_masked_however_its_name_is_spelled(text):
    assert redact_token(f"?{text}{'a' * 20}") == f"?{text}aaaaaa…"


def test_a_token_in_a_path_is_masked_however_the_host_is_spelled():
    url = f"https://SUBM\u0131T.bac\u212atrace.IO/acme/{'x' * 20}/minidump"

    assert redact_token(url) == "https://SUBM\u0131T.bac\u212atrace.IO/acme/xxxxxx…/minidump"
