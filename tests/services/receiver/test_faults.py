import pytest

from crashtool.errors import UsageError
from crashtool.services.receiver.faults import KINDS, Fault, FaultPlan, parse_fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("503", Fault("status", None, 503)),
        ("429:3@2", Fault("status", 3, 429, 2.0)),
        ("slow@0.5", Fault("slow", None, 0, 0.5)),
        ("reset:1", Fault("reset", 1)),
        ("302", Fault("status", None, 302)),
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
     "slow@nan", "slow@inf", "²", "status"],
)  # fmt: skip
def test_what_is_no_fault_is_refused(text):
    with pytest.raises(UsageError, match="is not a fault") as caught:
        parse_fault(text)
    assert "truncate" in caught.value.hint


def test_a_plan_hands_out_its_faults_in_order():
    plan = FaultPlan(["429:2", Fault("reset", 1)])
    kinds = [plan.take() for _ in range(4)]
    assert [fault and (fault.status or fault.kind) for fault in kinds] == [429, 429, "reset", None]


def test_a_fault_without_a_count_lasts():
    plan = FaultPlan(["500"])
    assert {plan.take().status for _ in range(5)} == {500}
