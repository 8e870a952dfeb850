"""Groups of crashes as a web page, whatever their number and names."""

import pytest

from crashtool.model.triage.groups import Grouping
from crashtool.model.triage.row import Row
from crashtool.render.triage import TriageGate, words_of_bound
from crashtool.render.triage_html import MAX_NAME, MAX_ROWS, render_triage_page


def crash(number, *calls):
    text = f"{' | '.join(calls)} [memory]"
    return Row(f"{number}.dmp", signature=text, kind="memory", quality="named", calls=calls)


def group(*rows):
    grouping = Grouping()
    for row in rows:
        grouping.add(row)
    return grouping.finish()


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([], "0 groups of 0 crashes"),
        ([crash(1, "f")], "1 group of 1 crash"),
        ([crash(1, "f"), crash(2, "f")], "1 group of 2 crashes"),
        ([crash(1, "f"), crash(2, "g")], "2 groups of 2 crashes"),
    ],
)
def test_the_title_counts_as_people_do(rows, title):
    assert f"<h1>{title}</h1>" in render_triage_page(group(*rows))


def test_without_a_group_it_says_so():
    page = render_triage_page(group(Row("bad.dmp", "unreadable", error="cut short")))
    assert ">Groups</h2>none<" in page.replace("\n", "")
    assert "1 minidump: 0 in 0 groups, 1 unreadable" in page


def test_a_name_of_thousands_of_characters_is_cut_where_it_is_a_heading_and_whole_once():
    name = "a" * 3000
    triage = group(crash(1, name))
    page = render_triage_page(triage, gate=TriageGate("known", 10, triage.groups))
    heading = page.partition("<summary>")[2].partition("</summary>")[0]
    assert f"{'a' * MAX_NAME}…" in heading
    assert len(heading) < 2 * MAX_NAME
    assert f"<code>{name} [memory]</code>" in page
    assert page.count(name) == 2  # the signature, and the stack


def test_what_is_new_is_counted_bounded_and_has_the_bound_of_what_may_be_unknown():
    triage = group(*(crash(number, f"f{number}") for number in range(MAX_ROWS + 3)))
    page = render_triage_page(triage, gate=TriageGate("known", 300, triage.groups))
    assert page.count(">new</span> <code>") == MAX_ROWS
    assert "and 3 more" in page
    assert "the baseline is of 300 crashes: a bug of less than 1 % of them" in page
    assert "nothing new" in render_triage_page(triage, gate=TriageGate("known", 300, ()))


@pytest.mark.parametrize(
    ("reports", "bound"), [(1, "100"), (3, "100"), (4, "75"), (300, "1"), (70_000, "0.0043")]
)
def test_the_bound_of_what_may_be_unknown_is_a_plain_number(reports, bound):
    assert f"a bug of less than {bound} % of them" in words_of_bound(TriageGate("", reports, ()))
