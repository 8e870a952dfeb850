"""The table of named rules, and what checks and mends a URL by it."""

from __future__ import annotations

from collections.abc import Callable

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import (
    address_rules,
    console_rule,
    content_rules,
    path_rules,
    text_rules,
)
from crashtool.formats.submission_url.finding import PartlyFixedUrl, Purpose, UrlFault, UrlFinding
from crashtool.formats.submission_url.url_parts import split_url

ANY_PURPOSE = Purpose()
PASSES = 8


class UrlRule(NamedTuple):
    """One row: the name that findings and documents use, and the function that judges.

    `is_last`: where it finds a fault, the others have nothing to add.
    """

    name: str
    assess: Callable[[PartlyFixedUrl], UrlFault | None]
    is_last: bool = False


# In this order: each rule may take for granted what those above it have mended.
RULES = (
    UrlRule("empty", text_rules.empty),
    UrlRule("control-character", text_rules.control_character),
    UrlRule("blank-around", text_rules.blank_around),
    UrlRule("wrapping", text_rules.wrapping),
    UrlRule("web-console", console_rule.web_console, is_last=True),
    UrlRule("backslash", text_rules.backslash),
    UrlRule("blank-inside", text_rules.blank_inside),
    UrlRule("scheme-doubled", address_rules.scheme_doubled),
    UrlRule("scheme-missing", address_rules.scheme_missing),
    UrlRule("scheme-separator", address_rules.scheme_separator),
    UrlRule("scheme-unknown", address_rules.scheme_unknown),
    UrlRule("scheme-upper-case", address_rules.scheme_upper_case),
    UrlRule("user-password", address_rules.user_password),
    UrlRule("host-missing", address_rules.host_missing),
    UrlRule("non-ascii-host", address_rules.non_ascii_host),
    UrlRule("host-invalid", address_rules.host_invalid),
    UrlRule("ipv6-address", address_rules.ipv6_address),
    UrlRule("port-invalid", address_rules.port_invalid),
    UrlRule("port-mismatch", address_rules.port_mismatch),
    UrlRule("plain-http", address_rules.plain_http),
    UrlRule("fragment", path_rules.fragment),
    UrlRule("ampersand-before-query", path_rules.ampersand_before_query),
    UrlRule("path-missing", path_rules.path_missing),
    UrlRule("double-slash", path_rules.double_slash),
    UrlRule("trailing-slash", path_rules.trailing_slash),
    UrlRule("second-question-mark", path_rules.second_question_mark),
    UrlRule("empty-parameter", path_rules.empty_parameter),
    UrlRule("non-ascii", text_rules.non_ascii),
    UrlRule("percent", text_rules.percent),
    UrlRule("redirecting-host", address_rules.redirecting_host),
    UrlRule("port-missing", address_rules.port_missing),
    UrlRule("foreign-service", content_rules.foreign_service),
    UrlRule("form-unknown", content_rules.form_unknown),
    UrlRule("placeholder", content_rules.placeholder),
    UrlRule("universe-invalid", content_rules.universe_invalid),
    UrlRule("places-swapped", content_rules.places_swapped),
    UrlRule("token-missing", content_rules.token_missing),
    UrlRule("token-not-64-hex", content_rules.token_not_64_hex),
    UrlRule("parameter-repeated", content_rules.parameter_repeated),
    UrlRule("format-missing", content_rules.format_missing),
    UrlRule("format-unknown", content_rules.format_unknown),
    UrlRule("format-unexpected", content_rules.format_unexpected),
    UrlRule("wrong-kind-of-token", content_rules.wrong_kind_of_token),
    UrlRule("root-form", content_rules.root_form),
)


def check_url(text: str, purpose: Purpose = ANY_PURPOSE) -> tuple[UrlFinding, ...]:
    """What the rules find wrong, in the table's order; never raises, whatever the text is.

    Each finding's `corrected` includes the corrections of those before it.
    """
    findings = []
    for rule in RULES:
        fault = rule.assess(PartlyFixedUrl(text, split_url(text), purpose))
        if fault is not None:
            findings.append(UrlFinding(rule.name, *fault))
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
