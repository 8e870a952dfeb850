"""The named rules that annotations and attachments must keep to arrive as they were meant."""

from collections.abc import Callable, Iterator

from crashtool.formats.attribute_rules import annotations, attachments
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
    AttributeRule("empty-key", annotations.empty_key),
    AttributeRule("equals-in-key", annotations.equals_in_key),
    AttributeRule("nul", annotations.nul),
    AttributeRule("not-unicode", annotations.not_unicode),
    AttributeRule("duplicate-key", annotations.duplicate_key),
    AttributeRule("twin-keys", annotations.twin_keys),
    AttributeRule("reserved-key", annotations.reserved_key),
    AttributeRule("token-in-annotation", annotations.token_in_annotation),
    AttributeRule("product-spelling", annotations.product_spelling),
    AttributeRule("strange-key", annotations.strange_key),
    AttributeRule("dictionary-limits", annotations.dictionary_limits),
    AttributeRule("object-limits", annotations.object_limits),
    AttributeRule("likely-secret", annotations.likely_secret),
    AttributeRule("line-feed-in-argument", attachments.line_feed_in_argument),
    AttributeRule("attachment-path", attachments.attachment_path),
    AttributeRule("attachment-name", attachments.attachment_name),
    AttributeRule("attachment-same-name", attachments.attachment_same_name),
    AttributeRule("attachment-named-like-field", attachments.attachment_named_like_field),
    AttributeRule("attachment-name-unused", attachments.attachment_name_unused),
    AttributeRule("command-line-length", attachments.command_line_length),
)


def check_plan(plan: StartPlan) -> tuple[AttributeFinding, ...]:
    """What the rules find wrong, in the table's order."""
    return tuple(
        AttributeFinding(rule.name, *fault) for rule in RULES for fault in rule.assess(plan)
    )
