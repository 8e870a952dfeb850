"""The named rules that annotations and attachments must keep to arrive as they were meant."""

from collections.abc import Callable, Iterator

from crashtool.formats.attribute_rules import annotations, attachments
from crashtool.formats.attribute_rules.plan import ERROR, INTO, WARNING, Fault, Finding, Plan
from crashtool.formats.named_tuple import NamedTuple

__all__ = ["ERROR", "INTO", "RULES", "WARNING", "Finding", "Plan", "Rule", "check_plan"]


class Rule(NamedTuple):
    """One row: the name that findings and documents use, and the function that judges."""

    name: str
    judge: Callable[[Plan], Iterator[Fault]]


RULES = (
    Rule("empty-key", annotations.empty_key),
    Rule("equals-in-key", annotations.equals_in_key),
    Rule("nul", annotations.nul),
    Rule("not-unicode", annotations.not_unicode),
    Rule("duplicate-key", annotations.duplicate_key),
    Rule("twin-keys", annotations.twin_keys),
    Rule("reserved-key", annotations.reserved_key),
    Rule("token-in-annotation", annotations.token_in_annotation),
    Rule("product-spelling", annotations.product_spelling),
    Rule("strange-key", annotations.strange_key),
    Rule("dictionary-limits", annotations.dictionary_limits),
    Rule("object-limits", annotations.object_limits),
    Rule("likely-secret", annotations.likely_secret),
    Rule("line-feed-in-argument", attachments.line_feed_in_argument),
    Rule("attachment-path", attachments.attachment_path),
    Rule("attachment-name", attachments.attachment_name),
    Rule("attachment-same-name", attachments.attachment_same_name),
    Rule("attachment-named-like-field", attachments.attachment_named_like_field),
    Rule("attachment-name-unused", attachments.attachment_name_unused),
    Rule("command-line-length", attachments.command_line_length),
)


def check_plan(plan: Plan) -> tuple[Finding, ...]:
    """What the rules find wrong, in the table's order."""
    return tuple(Finding(rule.name, *fault) for rule in RULES for fault in rule.judge(plan))
