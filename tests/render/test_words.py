import pytest

from crashtool.render.words import format_time


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1970-01-01 00:00:00 UTC"),
        (1_790_000_000, "2026-09-21 14:13:20 UTC"),
        (2**63 - 1, "a damaged time (9223372036854775807 s from 1970)"),
        (-(2**63), "a damaged time (-9223372036854775808 s from 1970)"),
        (2**80, f"a damaged time ({2**80} s from 1970)"),
    ],
)
def test_any_number_can_stand_for_a_time(seconds, words):
    assert format_time(seconds) == words
