"""Groups are sums: of any order, of all that came in."""

import random

import pytest

from crashtool.model.triage.groups import Grouping, GroupKey, merge_related
from crashtool.model.triage.row import Row, parse_row, row_document
from crashtool.model.triage.similarity import LEAST, find_clusters, find_related, similarity

CALLS = ("a", "b", "c", "d", "e", "f", "g", "h")


def row(number, calls=("f", "main"), **fields):
    values = {
        "digest": f"{number:032x}",
        "written": 86400 * number,
        "version": "1.0",
        "signature": f"{' | '.join(calls[:2])} [memory]",
        "kind": "memory",
        "quality": "named",
    }
    return Row(f"{number}.dmp", calls=calls, **values | fields)


def group(rows, **options):
    grouping = Grouping(**options)
    for one in rows:
        grouping.add(one)
    return grouping.finish()


MANY = [
    *(row(number) for number in range(5)),
    *(row(10 + number, ("g", "main"), version="2.0") for number in range(3)),
    row(20, (), quality="none", signature="", missing=(("game", "AB"),)),
    Row("bad.dmp", "unreadable", error="not a minidump"),
    Row("empty", "no_minidump", error="no minidump in empty"),
    row(30)._replace(status="duplicate"),
    row(31)._replace(status="left_out"),
]


def test_all_that_comes_in_is_counted_once():
    totals = group(MANY).totals
    assert totals.inputs == len(MANY)
    assert totals.inputs == sum(totals[1:])
    assert totals[1:] == (8, 1, 1, 1, 1, 1)


def test_the_order_of_rows_makes_no_difference():
    expected = group(MANY)
    for seed in range(20):
        shuffled = random.Random(seed).sample(MANY, len(MANY))  # noqa: S311
        assert group(shuffled) == expected


def test_a_group_has_the_times_versions_and_newest_example_of_its_rows():
    first = group(MANY).groups[0]
    assert (first.key.text, first.crashes, first.first, first.last) == (
        "f | main [memory]",
        5,
        0,
        4 * 86400,
    )
    assert first.versions == (("1.0", 5),)
    assert first.example == "4.dmp"
    assert first.days == tuple((day, 1) for day in range(5))


def test_further_keys_split_groups():
    rows = [row(1, version="1.0"), row(2, version="2.0")]
    assert len(group(rows).groups) == 1
    assert [one.key.extra for one in group(rows, extra=("version",)).groups] == [("1.0",), ("2.0",)]


def test_by_function_the_caller_makes_no_difference():
    rows = [row(1, ("f", "x")), row(2, ("f", "y"))]
    assert [one.key.text for one in group(rows, by="function").groups] == ["f [memory]"]


def test_a_name_of_the_users_comes_first():
    found = group([row(1, group="ATLAS-7"), row(2, ("x",), group="ATLAS-7")])
    assert [(one.key.text, one.crashes, one.is_named_by_rule) for one in found.groups] == [
        ("ATLAS-7", 2, True)
    ]


def test_what_cannot_be_grouped_says_why():
    found = group(MANY)
    assert found.nameless == (("no symbols for game", 1),)
    assert found.missing == (("game", "AB", 1),)
    assert found.unreadable == (("bad.dmp", "not a minidump"), ("empty", "no minidump in empty"))


@pytest.mark.parametrize("one", MANY)
def test_a_row_comes_back_from_its_document(one):
    assert parse_row(row_document(one)) == one


def test_similarity_is_of_the_two_alone_and_weighs_the_innermost_most():
    assert similarity(CALLS, CALLS) == 1
    assert similarity(CALLS, ()) == 0
    assert similarity(("x", *CALLS[1:]), CALLS) < similarity((*CALLS[:-1], "x"), CALLS) < 1
    assert similarity(CALLS[:3], CALLS) == similarity(CALLS, CALLS[:3])


def test_groups_of_equal_calls_but_one_far_out_are_related():
    rows = [row(1, CALLS), row(2, (*CALLS[:-1], "z")), row(3, tuple("stuvwxyz"))]
    rows = [one._replace(signature=f"{index} [memory]") for index, one in enumerate(rows)]
    found = group(rows)
    assert similarity(rows[0].calls, rows[1].calls) >= LEAST
    assert find_related(found.groups) == [
        (GroupKey("0 [memory]", "memory"), GroupKey("1 [memory]", "memory"))
    ]


def test_groups_of_another_class_are_not_related():
    rows = [row(1, CALLS), row(2, CALLS, kind="abort", signature="abort")]
    assert find_related(group(rows).groups) == []


def test_clusters_are_what_pairs_connect_in_any_order():
    keys = [GroupKey(letter, "") for letter in "abcdef"]
    pairs = [(keys[0], keys[1]), (keys[1], keys[2]), (keys[4], keys[5])]
    expected = [frozenset(keys[:3]), frozenset(keys[4:])]
    for seed in range(10):
        order = random.Random(seed).sample(pairs, len(pairs))  # noqa: S311
        assert find_clusters(keys, order) == expected


def test_a_cluster_becomes_one_group_with_all_that_its_groups_had():
    rows = [row(1, CALLS), row(2, CALLS), row(5, (*CALLS[:-1], "z"), version="2.0")]
    rows = [one._replace(signature=one.calls[-1]) for one in rows]
    found = group(rows)
    clusters = find_clusters((one.key for one in found.groups), find_related(found.groups))
    merged = merge_related(found, clusters).groups
    assert [(one.key.text, one.crashes, one.versions, one.last) for one in merged] == [
        ("h", 3, (("1.0", 2), ("2.0", 1)), 5 * 86400)
    ]
