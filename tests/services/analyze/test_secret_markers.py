"""The one pass over a dump finds what a search for each marker by itself finds."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crashtool.services.analyze.secret_kinds import list_kinds
from crashtool.services.analyze.secret_markers import REACH, compile_markers
from crashtool.services.analyze.secrets import walk_secrets
from tests.services.analyze.test_secrets import SECRETS

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MARKERS = {marker: kind.around for kind in list_kinds() for marker in kind.markers}


def find_one_by_one(window, start, stop):
    """(marker, place, step) by a search for each marker, in each encoding."""
    found = set()
    for marker, (before, after) in MARKERS.items():
        for step in (1, 2):
            spelled = marker if step == 1 else marker.decode().encode("utf-16-le")
            place = window.find(spelled, start)
            while 0 <= place < stop:
                in_front = window[place - step : place - step + 1] if place >= step else b""
                behind = window[place + len(spelled) : place + len(spelled) + 1]
                is_right = (not before or re.match(before, in_front)) and (
                    not after or re.match(after, behind)
                )
                if before and step == 2 and window[place - 1 : place] != b"\0":
                    is_right = False
                if is_right:
                    found.add((marker, place, step))
                place = window.find(spelled, place + 1)
    return found


PIECES = st.sampled_from(
    [
        *sorted(MARKERS),
        *(marker.decode().encode("utf-16-le") for marker in sorted(MARKERS)),
        *(marker[:-1] for marker in sorted(MARKERS)),
        *(b"a", b"\0", b"_", b"=", b"-", b"/", b"A", b"z", b"@", b"a\0", b"Z\0"),
    ]
)


@UNHURRIED
@given(st.lists(PIECES | st.binary(max_size=3), max_size=12).map(b"".join), st.data())
def test_one_pass_finds_what_a_search_for_each_marker_finds(window, data):
    start = data.draw(st.integers(0, len(window)))
    stop = data.draw(st.integers(start, len(window)))
    found = list(compile_markers().walk(window, start, stop))
    assert set(found) == find_one_by_one(window, start, stop)
    assert len(found) == len(set(found))


def test_the_pass_reaches_behind_the_end_as_far_as_any_marker_does():
    assert max(map(len, MARKERS)) * 2 <= REACH


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_each_secret_is_found_where_it_is(kind, encoding):
    secret = SECRETS[kind].encode(encoding)
    data = b"\0" * 16 + secret + b"\0" * 16
    ((name, start, end, step),) = walk_secrets(data, 0, len(data))
    assert (name, step) == (kind, len(secret) // len(SECRETS[kind]))
    assert 16 <= start < end <= 16 + len(secret)
