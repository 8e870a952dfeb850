"""KEY=VALUE and [NAME=]PATH, and each named rule on what breaks it."""

import pytest

from crashtool.errors import UsageError
from crashtool.formats.attribute_rules import RULES, StartPlan, check_plan
from crashtool.formats.attributes import (
    Attachment,
    Attribute,
    join_annotations,
    parse_attachment,
    parse_pair,
    split_pair,
)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("k=v", ("k", "v")),
        ("k=", ("k", "")),
        ("k=a=b", ("k", "a=b")),
        (" k = v ", (" k ", " v ")),
        ("é=\n", ("é", "\n")),
    ],
)
def test_a_pair_is_split_at_the_first_equals_sign(text, pair):
    assert parse_pair(text) == pair


@pytest.mark.parametrize(
    ("text", "why"), [("k", "no '='"), ("", "no '='"), ("=v", "empty"), ("k=\0", "NUL")]
)
def test_what_the_handler_dies_of_is_no_pair(text, why):
    with pytest.raises(UsageError, match=why):
        parse_pair(text)


def test_a_pair_may_be_split_without_being_judged():
    assert split_pair("=v") == ("", "v")


@pytest.mark.parametrize(
    ("text", "name", "path", "base_name"),
    [
        ("/var/x.log", None, "/var/x.log", "x.log"),
        ("log=/var/x.log", "log", "/var/x.log", "x.log"),
        ("log=C:\\a\\x.log", "log", "C:\\a\\x.log", "x.log"),
        ("C:\\a=b\\x.log", None, "C:\\a=b\\x.log", "x.log"),
        ("/a=b/x", None, "/a=b/x", "x"),
        ("=x", "", "x", "x"),
        ("x", None, "x", "x"),
    ],
)
def test_an_attachment_has_a_name_where_no_path_begins(text, name, path, base_name):
    attachment = parse_attachment(text)

    assert attachment == Attachment(name, path)
    assert attachment.base_name == base_name
    assert attachment.text == text


ABSOLUTE = "/var/log/game.log"
# rule, severity, annotations, attachments, kind, text form
BROKEN = [
    ("empty-key", "error", ["=v"], [], "upstream", ""),
    ("nul", "error", ["k=a\0b"], [], "upstream", ""),
    ("nul", "error", [], ["/a\0b"], "upstream", ""),
    ("not-unicode", "error", ["k=\udce9"], [], "upstream", ""),
    ("not-unicode", "error", [], ["/\udce9"], "upstream", ""),
    ("duplicate-key", "warning", ["k=1", "k=2"], [], "upstream", ""),
    ("twin-keys", "warning", ["apple=1", "Apple=2"], [], "upstream", ""),
    ("reserved-key", "error", ["guid=1"], [], "upstream", ""),
    ("reserved-key", "error", ["list_annotations=1"], [], "upstream", ""),
    ("reserved-key", "error", ["upload_file_minidump=1"], [], "upstream", ""),
    ("reserved-key", "warning", ["_mod_sync=1"], [], "upstream", ""),
    ("reserved-key", "warning", ["attachment_x=1"], [], "upstream", ""),
    ("reserved-key", "warning", ["tag=1"], [], "upstream", ""),
    ("reserved-key", "warning", ["run-uuid=1"], [], "backtrace", ""),
    ("token-in-annotation", "warning", ["token=1"], [], "upstream", ""),
    ("token-in-annotation", "error", ["format=symbols"], [], "upstream", ""),
    ("product-spelling", "warning", ["Prod=x"], [], "upstream", ""),
    ("product-spelling", "warning", ["VER=x"], [], "upstream", ""),
    ("product-spelling", "warning", ["version=1"], [], "upstream", ""),
    ("product-spelling", "warning", ["ver=1", "version=2"], [], "upstream", ""),
    ("strange-key", "warning", [" k=1"], [], "upstream", ""),
    ("strange-key", "warning", ["a\nb=1"], [], "upstream", ""),
    ("strange-key", "warning", ['a"b=1'], [], "upstream", ""),
    ("dictionary-limits", "warning", ["k" * 256 + "=1"], [], "upstream", ""),
    ("dictionary-limits", "warning", ["k=" + "é" * 128], [], "upstream", ""),
    ("dictionary-limits", "warning", [f"k{n}=1" for n in range(65)], [], "upstream", ""),
    ("object-limits", "warning", ["k" * 257 + "=1"], [], "upstream", ""),
    ("object-limits", "warning", ["k=" + "v" * 20481], [], "upstream", ""),
    ("object-limits", "warning", [f"k{n}=1" for n in range(401)], [], "upstream", ""),
    ("likely-secret", "warning", ["db_password=x"], [], "upstream", ""),
    ("likely-secret", "warning", ["API-Key=x"], [], "upstream", ""),
    ("line-feed-in-argument", "error", ["k=a\nb"], [], "upstream", "arguments"),
    ("attachment-path", "error", [], ["log="], "upstream", ""),
    ("attachment-path", "error", [], ["/var/log/"], "upstream", ""),
    ("attachment-path", "warning", [], ["game.log"], "upstream", ""),
    ("attachment-path", "warning", [], ["C:game.log"], "upstream", ""),
    ("attachment-name", "error", [], ["/var/my game.log"], "upstream", ""),
    ("attachment-name", "error", [], ["/var/é.log"], "backtrace", ""),
    ("attachment-name", "warning", [], ["/var/(1).log"], "sentry", ""),
    ("attachment-name", "error", [], ["my log=/var/x.log"], "backtrace-2018", ""),
    ("attachment-name", "error", [], ["=/var/x.log"], "backtrace-2018", ""),
    ("attachment-same-name", "error", [], ["/a/x.log", "C:\\b\\x.log"], "upstream", ""),
    ("attachment-same-name", "error", [], ["n=/a/x", "n=/b/y"], "backtrace-2018", ""),
    ("attachment-same-name", "warning", [], ["/a/x.log", "/b/x.log"], "sentry", ""),
    ("attachment-same-name", "warning", [], ["/a/x.log", "/b/X.LOG"], "upstream", ""),
    ("attachment-named-like-field", "error", ["prod=1"], ["/a/prod"], "upstream", ""),
    ("attachment-named-like-field", "error", [], ["/a/upload_file_minidump"], "upstream", ""),
    ("attachment-name-unused", "warning", [], [f"log={ABSOLUTE}"], "upstream", ""),
    ("attachment-name-unused", "warning", [], [f"attachment_x={ABSOLUTE}"], "backtrace-2018", ""),
    ("command-line-length", "warning", ["k=" + "v" * 32767], [], "upstream", ""),
    ("command-line-length", "error", ["k=" + "v" * 32767], [], "upstream", "windows"),
    ("command-line-length", "warning", ["k=" + "v" * 131072], [], "upstream", ""),
]


def plan_of(annotations, attachments, kind="upstream", text_form=""):
    return StartPlan(
        tuple(split_pair(text) for text in annotations),
        tuple(parse_attachment(text) for text in attachments),
        kind,
        text_form,
    )


@pytest.mark.parametrize(
    ("rule", "severity", "annotations", "attachments", "kind", "text_form"),
    BROKEN,
    ids=[f"{row[0]}-{number}" for number, row in enumerate(BROKEN)],
)
def test_a_broken_rule_is_named(rule, severity, annotations, attachments, kind, text_form):
    findings = check_plan(plan_of(annotations, attachments, kind, text_form))
    found = [finding for finding in findings if finding.rule == rule]

    assert severity in {finding.severity for finding in found}
    for finding in found:
        assert finding.cause.endswith(".")
        assert finding.consequence.endswith(".")


def test_a_key_from_a_file_may_hold_an_equals_sign_and_is_named():
    (finding,) = check_plan(StartPlan((Attribute("a=b", "c"),)))

    assert (finding.rule, finding.severity) == ("equals-in-key", "error")
    assert "becomes `a`" in finding.consequence


def test_a_folder_on_this_machine_is_named():
    (finding,) = check_plan(StartPlan((), (Attachment(None, "/var/log", is_folder=True),)))

    assert (finding.rule, finding.severity) == ("attachment-path", "error")


def test_every_rule_is_broken_by_some_row_here():
    assert {row[0] for row in BROKEN} | {"equals-in-key"} == {rule.name for rule in RULES}


@pytest.mark.parametrize("kind", ["upstream", "backtrace", "backtrace-2018", "sentry"])
def test_good_annotations_and_attachments_have_no_finding(kind):
    annotations = ["prod=Game", "ver=1.4.2", "format=minidump", "note=two words", "empty="]
    attachments = (
        [ABSOLUTE, f"other.log={ABSOLUTE}.1"]
        if kind == "backtrace-2018"
        else [f"game.log={ABSOLUTE}"]
    )

    assert check_plan(plan_of(annotations, attachments, kind)) == ()


def test_limits_are_counted_in_bytes_and_reached_without_a_finding():
    fits = ["k" * 255 + "=1", "k=" + "é" * 127, *(f"k{n}=1" for n in range(62))]

    assert check_plan(plan_of(fits, [])) == ()


def test_a_version_beside_the_same_ver_is_fine():
    assert check_plan(plan_of(["ver=1", "version=1"], [])) == ()


def test_joined_annotations_keep_the_last_value():
    pairs = [Attribute("b", "1"), Attribute("a", "2"), Attribute("b", "3")]

    assert list(join_annotations(pairs).items()) == [("a", "2"), ("b", "3")]
