"""The table of named rules, and what checks and mends a URL by it."""

from collections.abc import Callable

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import (
    address_rules,
    console_rule,
    content_rules,
    path_rules,
    text_rules,
)
from crashtool.formats.submission_url.finding import Draft, Fault, Finding, Purpose
from crashtool.formats.submission_url.parts import split_url

ANY_PURPOSE = Purpose()
PASSES = 8


class Rule(NamedTuple):
    """One row: the name that findings and documents use, and the function that judges.

    `is_last`: where it finds a fault, the others have nothing to add.
    """

    name: str
    judge: Callable[[Draft], Fault | None]
    is_last: bool = False


# In this order: each rule may take for granted what those above it have mended.
RULES = (
    Rule("empty", text_rules.empty),
    Rule("control-character", text_rules.control_character),
    Rule("blank-around", text_rules.blank_around),
    Rule("wrapping", text_rules.wrapping),
    Rule("web-console", console_rule.web_console, is_last=True),
    Rule("backslash", text_rules.backslash),
    Rule("blank-inside", text_rules.blank_inside),
    Rule("scheme-doubled", address_rules.scheme_doubled),
    Rule("scheme-missing", address_rules.scheme_missing),
    Rule("scheme-separator", address_rules.scheme_separator),
    Rule("scheme-unknown", address_rules.scheme_unknown),
    Rule("scheme-upper-case", address_rules.scheme_upper_case),
    Rule("user-password", address_rules.user_password),
    Rule("host-missing", address_rules.host_missing),
    Rule("non-ascii-host", address_rules.non_ascii_host),
    Rule("host-invalid", address_rules.host_invalid),
    Rule("ipv6-address", address_rules.ipv6_address),
    Rule("port-invalid", address_rules.port_invalid),
    Rule("port-mismatch", address_rules.port_mismatch),
    Rule("plain-http", address_rules.plain_http),
    Rule("fragment", path_rules.fragment),
    Rule("ampersand-before-query", path_rules.ampersand_before_query),
    Rule("path-missing", path_rules.path_missing),
    Rule("double-slash", path_rules.double_slash),
    Rule("trailing-slash", path_rules.trailing_slash),
    Rule("second-question-mark", path_rules.second_question_mark),
    Rule("empty-parameter", path_rules.empty_parameter),
    Rule("non-ascii", text_rules.non_ascii),
    Rule("percent", text_rules.percent),
    Rule("redirecting-host", address_rules.redirecting_host),
    Rule("port-missing", address_rules.port_missing),
    Rule("foreign-service", content_rules.foreign_service),
    Rule("form-unknown", content_rules.form_unknown),
    Rule("placeholder", content_rules.placeholder),
    Rule("universe-invalid", content_rules.universe_invalid),
    Rule("places-swapped", content_rules.places_swapped),
    Rule("token-missing", content_rules.token_missing),
    Rule("token-not-64-hex", content_rules.token_not_64_hex),
    Rule("parameter-repeated", content_rules.parameter_repeated),
    Rule("format-missing", content_rules.format_missing),
    Rule("format-unknown", content_rules.format_unknown),
    Rule("format-unexpected", content_rules.format_unexpected),
    Rule("wrong-kind-of-token", content_rules.wrong_kind_of_token),
    Rule("root-form", content_rules.root_form),
)


def check_url(text: str, purpose: Purpose = ANY_PURPOSE) -> tuple[Finding, ...]:
    """What the rules find wrong, in the table's order; never raises, whatever the text is.

    Each finding's `corrected` includes the corrections of those before it.
    """
    findings = []
    for rule in RULES:
        fault = rule.judge(Draft(text, split_url(text), purpose))
        if fault is not None:
            findings.append(Finding(rule.name, *fault))
            text = text if fault.corrected is None else fault.corrected
            if rule.is_last:
                break
    return tuple(findings)


def fix_url(text: str, purpose: Purpose = ANY_PURPOSE) -> str:
    """The URL with everything mended that can be; check_url tells what is left for the user."""
    for _ in range(PASSES):
        before = text
        for finding in check_url(text, purpose):
            text = text if finding.corrected is None else finding.corrected
        if text == before:
            break
    return text
