"""The named rules that annotations and attachments must keep to arrive as they were meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crashtool.formats.attribute_rules import annotation_rules, attachment_rules
from crashtool.formats.attribute_rules.start_plan import (
    ERROR,
    INTO,
    WARNING,
    AttributeFault,
    AttributeFinding,
    StartPlan,
)
from crashtool.formats.named_tuple import NamedTuple

__all__ = [
    "ERROR",
    "INTO",
    "RULES",
    "WARNING",
    "AttributeFinding",
    "AttributeRule",
    "StartPlan",
    "check_plan",
]


class AttributeRule(NamedTuple):
    """One row: the name that findings and documents use, and the function that judges."""

    name: str
    assess: Callable[[StartPlan], Iterator[AttributeFault]]


RULES = (
    AttributeRule("empty-key", annotation_rules.empty_key),
    AttributeRule("equals-in-key", annotation_rules.equals_in_key),
    AttributeRule("nul", annotation_rules.nul),
    AttributeRule("not-unicode", annotation_rules.not_unicode),
    AttributeRule("duplicate-key", annotation_rules.duplicate_key),
    AttributeRule("twin-keys", annotation_rules.twin_keys),
    AttributeRule("reserved-key", annotation_rules.reserved_key),
    AttributeRule("token-in-annotation", annotation_rules.token_in_annotation),
    AttributeRule("product-spelling", annotation_rules.product_spelling),
    AttributeRule("strange-key", annotation_rules.strange_key),
    AttributeRule("dictionary-limits", annotation_rules.dictionary_limits),
    AttributeRule("object-limits", annotation_rules.object_limits),
    AttributeRule("likely-secret", annotation_rules.likely_secret),
    AttributeRule("line-feed-in-argument", attachment_rules.line_feed_in_argument),
    AttributeRule("attachment-path", attachment_rules.attachment_path),
    AttributeRule("attachment-name", attachment_rules.attachment_name),
    AttributeRule("attachment-same-name", attachment_rules.attachment_same_name),
    AttributeRule("attachment-named-like-field", attachment_rules.attachment_named_like_field),
    AttributeRule("attachment-name-unused", attachment_rules.attachment_name_unused),
    AttributeRule("command-line-length", attachment_rules.command_line_length),
)


def check_plan(plan: StartPlan) -> tuple[AttributeFinding, ...]:
    """What the rules find wrong, in the table's order."""
    return tuple(
        AttributeFinding(rule.name, *fault) for rule in RULES for fault in rule.assess(plan)
    )
