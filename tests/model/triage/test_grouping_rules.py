"""The user's rules: which calls count, and why."""

import pytest

from crashtool.formats.minidump.reasons.reason import Reason
from crashtool.model.crash import Crash, CrashReport, Frame, InlineFrame, Module, Process, Thread
from crashtool.model.own_calls import FrameRule, decide_calls
from crashtool.model.signature import sign
from crashtool.model.triage.grouping_rules import GroupRule, Matcher, Rules

GAME = Module(0x400000, 0x1000, "game", "/srv/game")
LIBC = Module(0x500000, 0x1000, "libc.so.6", "/lib/libc.so.6")


def frames(*calls):
    """Frames of `name` in the game, of `libc:name` in the C library."""
    return tuple(
        Frame(
            number,
            "cfi" if number else "context",
            LIBC if call.startswith("libc:") else GAME,
            call.removeprefix("libc:"),
        )
        for number, call in enumerate(calls)
    )


def rules(*pairs, groups=(), count=2):
    return Rules(
        tuple(FrameRule(action, pattern, line) for line, (action, pattern) in enumerate(pairs, 1)),
        groups,
        count,
    )


def names(calls, *pairs):
    found = decide_calls(frames(*calls), rules(*pairs))
    return [decision.own.name for decision in found if decision.own]


def report(*calls):
    crash = Crash(Reason("SIGSEGV", "", is_crash=True), 11, 0, (), 0, 1)
    thread = Thread(1, None, frames(*calls))
    return CrashReport("a.dmp", 1, "", None, None, Process(), crash, (thread,), 0, (GAME,), ())


def test_without_a_rule_the_lists_of_all_decide():
    assert names(("libc:memcpy", "copy", "std::sort", "run", "main", "_start")) == [
        "copy",
        "run",
        "main",
    ]


def test_skip_is_for_calls_before_the_first_that_counts():
    calls = ("check", "load", "check", "main")
    assert names(calls, ("skip", "check")) == ["load", "check", "main"]
    assert names(calls, ("through", "check")) == ["load", "main"]


def test_what_a_start_has_called_does_not_count_nor_it_itself():
    calls = ("write_dump", "Handler::run", "Handler::crash", "load", "main")
    assert names(calls, ("start", "Handler::*")) == ["load", "main"]


def test_a_stop_and_what_called_it_do_not_count():
    assert names(("load", "App::handle", "main"), ("stop", "App::*")) == ["load"]


def test_own_beats_the_lists_of_all():
    calls = ("libc:memcpy", "std::sort", "main")
    assert names(calls, ("own", "module:LIBC*")) == ["memcpy", "main"]
    assert names(calls, ("own", "std::*")) == ["std::sort", "main"]


def test_the_first_rule_that_matches_a_call_decides():
    assert names(("a::x", "b"), ("own", "a::x"), ("skip", "a::*")) == ["a::x", "b"]
    assert names(("a::x", "b"), ("skip", "a::*"), ("own", "a::x")) == ["b"]


def test_calls_that_were_merged_are_judged_like_others():
    merged = Frame(1, "context", GAME, "outer", inlines=(InlineFrame("helper"),))
    found = [
        item.own.name for item in decide_calls((merged,), rules(("skip", "helper"))) if item.own
    ]
    assert found == ["outer"]


def test_a_decision_tells_the_rule_with_its_line():
    first = next(iter(decide_calls(frames("check", "load"), rules(("own", "x"), ("skip", "c*")))))
    assert first.own is None
    assert first.rule == FrameRule("skip", "c*", 2)


def test_frames_say_how_many_calls_make_a_signature():
    calls = report("a", "b", "c", "main")
    assert sign(calls).text == "a | b [memory]"
    assert sign(calls, rules(count=1)).text == "a [memory]"
    assert sign(calls, rules(count=3)).text == "a | b | c [memory]"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a::*", "a::b", True),
        ("a::*", "xa::b", False),
        ("a?", "ab", True),
        ("a.b", "axb", False),
        ("operator[]", "operator[]", True),
        ("/b$/", "a::b", True),
        ("/^b/", "a::b", False),
        ("*", "", False),
    ],
)
def test_patterns(pattern, text, matches):
    assert Matcher(pattern).matches("game", text) is matches


@pytest.mark.parametrize("pattern", ["", "module:", "/(/"])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValueError, match=r"empty|expression"):
        Matcher(pattern)


def test_a_group_needs_a_call_and_all_conditions():
    group = GroupRule("stale", ("a::*",), (("class", "memory"), ("annotation.gpu", "Rad*")), 7)
    found = rules(groups=(group,))
    facts = {"class": "memory", "annotation.gpu": "Radeon"}
    assert found.find_group(("x", "a::b"), facts) is group
    assert found.find_group(("x",), facts) is None
    assert found.find_group(("a::b",), facts | {"class": "abort"}) is None
    assert found.find_group(("a::b",), {"class": "memory"}) is None


def test_the_digest_is_of_what_can_change_a_group():
    one, same = rules(("skip", "a")), Rules((FrameRule("skip", "a", 99),))
    assert one.digest == same.digest
    assert len({one.digest, rules(("own", "a")).digest, rules(count=3).digest, rules().digest}) == 4
    assert rules().digest == ""
