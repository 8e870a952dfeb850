import pytest

from crashtool.errors import NetworkFailure, Rejected
from crashtool.services.transport.http import HttpResponse
from crashtool.services.transport.retry import Exhausted, parse_retry_after, with_retries

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def sequence(*steps):
    """A sender that does one step after the other: a status, (status, headers), or an error."""
    left = list(steps)

    def send():
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        status, headers = step if isinstance(step, tuple) else (step, {})
        return HttpResponse(status, headers, b"", "")

    return send


def test_a_final_answer_is_taken_at_once(stopped):
    attempts = with_retries(sequence(200), clock=stopped.clock)

    assert (attempts.response.status, attempts.tries, attempts.seconds) == (200, 1, 0.0)
    assert stopped.slept == []


def test_waits_double_up_to_half_a_minute(stopped):
    said = []
    attempts = with_retries(
        sequence(*[503] * 7, 200), retry_for=1000, clock=stopped.clock, on_retry=said.append
    )

    assert stopped.slept == [1, 2, 4, 8, 16, 30, 30]
    assert attempts.tries == 8
    assert said[0] == "try 1 failed: HTTP 503; trying again in 1.0 s"


def test_chance_shortens_waits_by_up_to_half(stopped):
    clock = stopped.clock._replace(jitter=lambda: 1.0)

    with_retries(sequence(503, 200), clock=clock)

    assert stopped.slept == [0.5]


def test_failures_of_the_network_are_retried_and_said(stopped):
    said = []

    attempts = with_retries(
        sequence(NetworkFailure("no route"), 200), clock=stopped.clock, on_retry=said.append
    )

    assert attempts.tries == 2
    assert "no route" in said[0]


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500, 501])
def test_what_will_not_change_is_asked_once(stopped, status):
    assert with_retries(sequence(status), clock=stopped.clock).tries == 1


def test_other_errors_are_not_ours_to_retry(stopped):
    with pytest.raises(Rejected):
        with_retries(sequence(Rejected("no")), clock=stopped.clock)


def test_the_last_answer_comes_back_when_time_is_up(stopped):
    attempts = with_retries(sequence(*[503] * 20), retry_for=10, clock=stopped.clock)

    assert attempts.response.status == 503
    assert stopped.slept == [1, 2, 4]
    assert attempts.seconds == 7


def test_no_answer_at_all_is_an_error_that_counts_the_tries(stopped):
    with pytest.raises(Exhausted, match=r"gone \(after 4 tries in 7 s\)") as caught:
        with_retries(
            sequence(*[NetworkFailure("gone", hint="look")] * 20), retry_for=10, clock=stopped.clock
        )
    assert (caught.value.tries, caught.value.seconds, caught.value.hint) == (4, 7.0, "look")
    assert caught.value.exit_status == 7


def test_zero_seconds_mean_one_try(stopped):
    with pytest.raises(Exhausted, match=r"^gone$"):
        with_retries(sequence(NetworkFailure("gone")), retry_for=0, clock=stopped.clock)


@pytest.mark.parametrize("value", ["7", " 7 ", "Tue, 14 Nov 2023 22:13:27 GMT"])
def test_the_servers_own_wait_is_kept(stopped, value):
    with_retries(sequence((429, {"retry-after": value}), 200), clock=stopped.clock)

    assert stopped.slept == [7]


def test_a_wait_beyond_the_limit_is_not_begun(stopped):
    attempts = with_retries(sequence((429, {"retry-after": "3600"})), clock=stopped.clock)

    assert attempts.response.status == 429
    assert stopped.slept == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
        ("99999999999999", 999999999),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Tue, 99 Nov 2023 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    assert parse_retry_after(text, NOW) == seconds
