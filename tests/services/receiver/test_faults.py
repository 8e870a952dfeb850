import random
from collections import Counter

import pytest

from crashtool.errors import UsageError
from crashtool.services.receiver.faults import KINDS, FaultPlan, InjectedFault, parse_fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("503", InjectedFault("status", None, 503)),
        ("429:3@2", InjectedFault("status", 3, 429, 2.0)),
        ("slow@0.5", InjectedFault("slow", None, 0, 0.5)),
        ("reset:1", InjectedFault("reset", 1)),
        ("302", InjectedFault("status", None, 302)),
        (
            "307:1=http://h:1/a?b=c@d",
            InjectedFault("status", 1, 307, location="http://h:1/a?b=c@d"),
        ),
        ("503:2/report@0", InjectedFault("status", 2, 503, 0.0, is_per_report=True)),
        ("truncate:1/report", InjectedFault("truncate", 1, is_per_report=True)),
        ("reset%2.5", InjectedFault("reset", chance=0.025)),
        ("503%100@1", InjectedFault("status", None, 503, 1.0, chance=1.0)),
        ("307=http://h/%41", InjectedFault("status", None, 307, location="http://h/%41")),
    ],
)
def test_a_fault_is_parsed(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_parsed(kind):
    assert parse_fault(kind).kind == kind


@pytest.mark.parametrize(
    "text",
    ["", "200", "0", "600", "explode", "429:", "429:0", "429:-1", "429:x", "slow@", "slow@-1",
     "slow@nan", "slow@inf", "²", "status", "503=http://h/", "reset=x", "503/report",
     "503:0/report", "503:1/each", "503%", "503%0", "503%101", "503%nan", "503:1%5", "503%x"],
)  # fmt: skip
def test_what_is_no_fault_is_refused(text):
    with pytest.raises(UsageError, match="is not a fault") as caught:
        parse_fault(text)
    assert "truncate" in caught.value.hint


def test_a_plan_hands_out_its_faults_in_order():
    plan = FaultPlan(["429:2", InjectedFault("reset", 1)])
    kinds = [plan.take() for _ in range(4)]
    assert [fault and (fault.status or fault.kind) for fault in kinds] == [429, 429, "reset", None]


def test_a_fault_without_a_count_lasts():
    plan = FaultPlan(["500"])
    assert {plan.take().status for _ in range(5)} == {500}


def test_a_fault_per_report_befalls_each_report_so_many_times():
    plan = FaultPlan(["503:2/report"])
    fault = plan.take()
    struck = [plan.strikes(fault, report) for report in "aabbaab"]
    assert struck == [True, True, True, True, False, False, False]
    assert plan.take() == fault


def test_faults_of_chance_come_as_often_as_was_asked_for_and_leave_the_others_their_turn():
    plan = FaultPlan(["reset:1", "503%30", "truncate%20"], random.Random(1))  # noqa: S311
    struck = Counter(
        fault and (fault.status or fault.kind) for fault in (plan.take() for _ in range(2000))
    )
    assert struck["reset"] == 1
    assert 500 < struck[503] < 700
    assert 220 < struck["truncate"] < 340
    assert struck[None] + struck[503] + struck["truncate"] == 1999
