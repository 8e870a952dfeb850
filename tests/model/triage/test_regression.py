"""Intervals that are exact, and verdicts that say no more than they allow."""

import math
import random

import pytest

from crashtool.model.triage.regression import bound_rate, compare, settle


@pytest.mark.parametrize(
    ("before", "after", "times", "low", "high", "p"),
    [
        (5, 12, (20_000, 10_000), 1.5741, 17.392, 0.001875),
        (0, 3, (1, 1), 0.41323, math.inf, 0.125),
        (0, 5, (1, 1), 0.91636, math.inf, 0.03125),
        (0, 6, (1, 1), 1.17742, math.inf, 0.015625),
        (10, 9, (1, 1), 0.32359, 2.46449, 0.67620),
    ],
)
def test_intervals_are_clopper_and_pearsons(before, after, times, low, high, p):
    """Figures of the binomial distribution in another library, to the digits that are given."""
    found = compare(before, after, *times)
    assert found.low == pytest.approx(low, rel=1e-4)
    assert found.high == pytest.approx(high, rel=1e-4)
    assert found.p == pytest.approx(p, rel=1e-3)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0, 3.689), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (40, 28.5766, 54.4686)],
)
def test_the_interval_of_a_count_is_garwoods(count, low, high):
    assert bound_rate(count) == pytest.approx((low, high), abs=5e-4)


def test_a_verdict_needs_the_chance_and_the_interval():
    pairs = [compare(5, 12, 20_000, 10_000), compare(0, 1, 1, 1), compare(9, 0, 1, 1)]
    assert [item.verdict for item in settle(pairs)] == ["regression", "no_evidence", "fixed"]


def test_many_comparisons_need_more_evidence_each():
    one = compare(0, 6, 1, 1)
    assert settle([one])[0].verdict == "regression"
    assert {item.verdict for item in settle([one] * 4)} == {"no_evidence"}


def test_equal_rates_lie_within_the_interval_as_often_as_it_says():
    """Simulated: 95 % is a promise of at least so many."""
    draw = random.Random(5)  # noqa: S311
    inside = 0
    for _ in range(400):
        total = draw.randrange(1, 60)
        after = sum(draw.random() < 0.4 for _ in range(total))
        found = compare(total - after, after, 3, 2)
        inside += found.low <= 1 <= found.high
    assert inside >= 0.95 * 400


def test_large_counts_have_narrow_intervals():
    found = compare(100_000, 100_000, 1, 1)
    assert 0.98 < found.low < 1 < found.high < 1.02
    low, high = bound_rate(1_000_000)
    assert 998_000 < low < 1_000_000 < high < 1_002_100
