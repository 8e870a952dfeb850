import pytest

from tests.growth import grows_linearly


def find_each(items):
    return [[other for other in items if other == item] for item in items]


def find_each_lazily(items):
    return [any(other == item for other in items) for item in items]


def sort_by_insertion(items):
    done = []
    for item in items:
        at = 0
        while at < len(done) and done[at] < item:
            at += 1
        done.insert(at, item)
    return done


@pytest.mark.parametrize("function", [find_each, find_each_lazily, sort_by_insertion])
def test_work_that_grows_with_the_square_is_seen(function):
    assert not grows_linearly(lambda count: lambda: function(range(count)))


def test_work_that_grows_with_its_input_passes():
    assert grows_linearly(lambda count: lambda: [item + 1 for item in range(count)])
