"""Is a crash more frequent in one version than in another? Exact intervals, no percentage alone.

Counts are Poisson. Given their sum, the second is binomial, with the second's share of the exposure
under equal rates; its interval is Clopper's and Pearson's, that of one rate Garwood's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from crashtool.formats.named_tuple import NamedTuple

LEVEL = 0.05
STEPS = 200  # of bisection and of continued fractions: far more than doubles can tell apart
Verdict = Literal["regression", "fixed", "no_evidence"]


class Comparison(NamedTuple):
    """`before` crashes in an exposure, `after` in another; `low` and `high` bound the ratio of
    rates with 95 % confidence, `p` is the one-sided chance of so many under equal rates.
    """

    before: int
    after: int
    low: float
    high: float
    p: float
    verdict: Verdict = "no_evidence"


def compare(before: int, after: int, time_before: float, time_after: float) -> Comparison:
    """Compare two counts in exposures greater than 0; the verdict is for `settle`."""
    total = before + after
    share = time_after / (time_before + time_after)
    low = _beta_quantile(LEVEL / 2, after, before + 1) if after else 0.0
    high = _beta_quantile(1 - LEVEL / 2, after + 1, before) if before else 1.0
    scale = time_before / time_after
    p = _beta(share, after, total - after + 1) if after else 1.0
    return Comparison(
        before,
        after,
        low / (1 - low) * scale,
        high / (1 - high) * scale if high < 1 else math.inf,
        p,
    )


def settle(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The verdicts, with p corrected by Holm's method for how many are compared."""
    order = sorted(range(len(comparisons)), key=lambda index: comparisons[index].p)
    corrected = [0.0] * len(comparisons)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, comparisons[index].p * (len(comparisons) - rank)))
        corrected[index] = highest
    return [
        item._replace(verdict=_assess(item, p))
        for item, p in zip(comparisons, corrected, strict=True)
    ]


def _assess(item: Comparison, corrected: float) -> Verdict:
    if corrected <= LEVEL and item.low > 1:
        return "regression"
    return "fixed" if item.after == 0 and item.high < 1 else "no_evidence"


def bound_rate(count: int) -> tuple[float, float]:
    """The interval of what is expected where `count` were seen, with 95 % confidence."""
    low = _bisect(lambda mean: _gamma(count, mean) - LEVEL / 2, count + 1.0) if count else 0.0
    high = _bisect(lambda mean: _gamma(count + 1, mean) - (1 - LEVEL / 2), count + 1.0)
    return low, high


def _bisect(function: Callable[[float], float], start: float) -> float:
    """Where a rising function of positive numbers is 0."""
    low, high = 0.0, start
    while function(high) < 0:
        low, high = high, high * 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def _beta_quantile(p: float, a: float, b: float) -> float:
    """Where the beta distribution of a and b, both greater than 0, reaches p."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if _beta(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for step in range(1, 100 * STEPS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        change = 1.0
        for term in (even, odd):
            d = 1 / _nonzero(1 + term * d, tiny)
            c = _nonzero(1 + term / c, tiny)
            change = c * d
            fraction *= change
        if abs(change - 1) < 1e-15:  # noqa: PLR2004 (as near as doubles come)
            break
    return front * fraction / a


def _nonzero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def _gamma(shape: int, x: float) -> float:
    """The chance of `shape` or more where x are expected: the lower regularized gamma function."""
    if x <= 0:
        return 0.0
    term = math.exp(shape * math.log(x) - x - math.lgamma(shape + 1))
    if not term:  # too small for a double: far on one side
        return float(x > shape)
    total, index = term, shape
    while term > total * 1e-17 and term > 0:
        index += 1
        term *= x / index
        total += term
    return min(total, 1.0)
