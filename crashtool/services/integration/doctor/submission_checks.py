"""url.*, token.*, annotations.*: the rules of make-url and annotate, on what is configured."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from crashtool.errors import UsageError
from crashtool.formats.attribute_rules import RULES as ATTRIBUTE_RULES
from crashtool.formats.attribute_rules import StartPlan, check_plan
from crashtool.formats.attributes import join_annotations
from crashtool.formats.redaction import redact_token
from crashtool.formats.submission_url import (
    ERROR,
    Purpose,
    UrlFinding,
    check_url,
    parse_submission_url,
)
from crashtool.formats.submission_url import RULES as URL_RULES
from crashtool.formats.submission_url.url_forms import ROOT
from crashtool.model.doctor import SETTINGS, CheckResult, Subject
from crashtool.services.integration.doctor.configured import (
    Configured,
    find_handler_kind,
    find_url,
    read_configured,
)
from crashtool.services.integration.doctor.examination import Check, Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning

TOKEN_CHECKS = {
    "token-missing": "token.missing",
    "token-not-64-hex": "token.not-64-hex",
    "wrong-kind-of-token": "token.wrong-kind",
}
ROOT_FORM, TOKEN_IN_ANNOTATION = "root-form", "token-in-annotation"
OF_TEXT_FORMS = ("line-feed-in-argument",)  # of how annotate prints, not of what is handed over


def make_url_checks() -> tuple[Check, ...]:
    """A check for each rule of make-url."""
    return tuple(
        Check(
            TOKEN_CHECKS.get(rule.name, f"url.{rule.name}"),
            (SETTINGS,),
            partial(_check_url, rule.name),
            (rule.assess.__doc__ or "").partition("\n")[0].rstrip("."),
        )
        for rule in URL_RULES
    )


def make_annotation_checks() -> tuple[Check, ...]:
    """A check for each rule of annotate."""
    return tuple(
        Check(
            f"annotations.{rule.name}",
            (SETTINGS,),
            partial(_check_annotations, rule.name),
            (rule.assess.__doc__ or "").partition("\n")[0].rstrip("."),
        )
        for rule in ATTRIBUTE_RULES
        if rule.name not in OF_TEXT_FORMS
    )


def _check_url(rule: str, subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    configured = read_configured(subject, examination)
    url = find_url(configured)
    if not url:
        yield skip("", f"no URL is set in {subject.path or 'the settings'}")
        return
    purpose = Purpose(
        format="minidump",
        token=configured.values.get("token") or "",
        symbols_token=configured.values.get("symbols_token") or "",
    )
    if rule == ROOT_FORM and _has_form_annotations(configured):
        return
    for finding in check_url(url, purpose):
        if finding.rule == rule:
            yield _tell_url(finding.severity, finding, configured)


def _tell_url(severity: str, finding: UrlFinding, configured: Configured) -> CheckResult:
    tell = failure if severity == ERROR else warning
    fix = (
        f"write {redact_token(finding.corrected)}; crashtool make-url --fix URL prints all of it"
        if finding.corrected is not None
        else "crashtool make-url builds a URL from universe and token, and explains one"
    )
    return tell(configured.locate("url"), finding.cause, finding.consequence, fix)


def _has_form_annotations(configured: Configured) -> bool:
    """Whether token and format are annotations, as a URL that ends at the host needs them."""
    annotations = join_annotations(configured.annotations)
    return bool(annotations.get("token")) and annotations.get("format") == "minidump"


def _is_root_form(configured: Configured) -> bool:
    try:
        return parse_submission_url(find_url(configured)).form == ROOT
    except UsageError:
        return False


def _check_annotations(
    rule: str, subject: Subject, examination: Examination
) -> Iterator[CheckResult]:
    configured = read_configured(subject, examination)
    annotations, attachments = configured.annotations, configured.attachments
    if not (annotations or attachments):
        yield skip("", f"neither annotations nor attachments in {subject.path or 'the settings'}")
        return
    plan = StartPlan(annotations, attachments, find_handler_kind(examination))
    for finding in check_plan(plan):
        if finding.rule != rule or (rule == TOKEN_IN_ANNOTATION and _is_root_form(configured)):
            continue
        tell = failure if finding.severity == ERROR else warning
        name = "attachments" if rule.startswith("attachment") else "annotations"
        yield tell(
            configured.locate(name),
            f"{finding.subject}: {finding.cause}",
            finding.consequence,
            f"change it in {name}; crashtool annotate --check says more",
        )
