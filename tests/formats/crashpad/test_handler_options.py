"""Options of the handler: which are taken for which handler, and how the others are refused."""

import pytest

from crashtool.errors import UsageError
from crashtool.formats.crashpad.arguments import HANDLER_KINDS
from crashtool.formats.crashpad.handler_options import (
    EXITS,
    HANDLER_OPTIONS,
    OWNED,
    find_handler_option,
    parse_handler_option,
)


@pytest.mark.parametrize("kind", HANDLER_KINDS)
def test_each_option_is_taken_by_the_kinds_that_know_it(kind):
    for option in HANDLER_OPTIONS.values():
        text = option.name + (f"={option.value}" if option.value else "")
        if option.kinds and kind not in option.kinds:
            with pytest.raises(UsageError, match=f"'{kind}' does not know --{option.name}"):
                parse_handler_option(text, kind)
            continue
        argument = parse_handler_option(text, kind)
        assert argument == parse_handler_option(f"--{text}", kind) == f"--{text}"
        assert find_handler_option(argument) is option


def test_each_option_says_what_follows_from_it():
    assert not HANDLER_OPTIONS.keys() & OWNED.keys()
    for option in HANDLER_OPTIONS.values():
        assert len(option.consequence.split()) >= 8, option.name
        assert set(option.kinds) <= HANDLER_KINDS.keys()


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        (
            "no-ratelimit",
            "upstream",
            f"unknown handler option --no-ratelimit: {EXITS}",
            "did you mean --no-rate-limit?",
        ),
        (
            "--no-gzip-upload",
            "backtrace",
            "unknown handler option",
            "did you mean --no-upload-gzip?",
        ),
        ("databse=x", "upstream", "unknown handler option", "did you mean --database?"),
        ("log-fil=x", "sentry", "unknown handler option", "did you mean --log-file?"),
        ("zzz", "upstream", "unknown handler option", "it has no-rate-limit, no-upload-gzip"),
        ("", "upstream", "unknown handler option --: ", "it has no-rate-limit"),
        ("log-file=x", "upstream", "'upstream' does not know --log-file", "--handler sentry"),
        ("no-rate-limit=1", "upstream", "--no-rate-limit takes no value", "no-rate-limit"),
        ("no-rate-limit=", "upstream", "--no-rate-limit takes no value", "no-rate-limit"),
        ("http-proxy", "sentry", "--http-proxy needs a value", "http-proxy=URL"),
        ("http-proxy=", "sentry", "--http-proxy needs a value", "http-proxy=URL"),
        ("monitor-self-annotation=x", "upstream", "needs KEY=VALUE", "=KEY=VALUE"),
        ("annotation=a=b", "upstream", "crashtool annotate KEY=VALUE", ""),
        ("attachment=/x", "backtrace-2018", "crashtool annotate --attach PATH", ""),
        ("pipe-name=x", "upstream", "connects the handler to its program", ""),
        ("help", "upstream", "no crash is handled", ""),
    ],
)
def test_what_is_refused_says_why_and_what_to_type(text, kind, message, hint):
    with pytest.raises(UsageError) as caught:
        parse_handler_option(text, kind)
    assert message in caught.value.what
    assert hint in (caught.value.hint or "")


def test_a_value_may_hold_more_signs():
    assert (
        parse_handler_option("monitor-self-annotation=a=b=c", "upstream")
        == "--monitor-self-annotation=a=b=c"
    )
