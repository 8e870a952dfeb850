"""Texts that were seen before."""

import tracemalloc

from crashtool.formats.seen_texts import SeenTexts

COUNT = 20_000


def test_a_text_is_new_once_whatever_came_between():
    seen = SeenTexts()
    texts = [f"/crashes/{number}.dmp" for number in range(2_000)]
    assert all(map(seen.add, texts))
    assert not any(map(seen.add, reversed(texts)))
    assert seen.add("/crashes/2000.dmp")


def test_bytes_that_are_no_text_and_half_characters_are_texts_like_others():
    seen = SeenTexts()
    texts = ["\udc80.dmp", "\ud83d.dmp", "", "\n.dmp"]
    assert [seen.add(text) for text in texts * 2] == [True] * 4 + [False] * 4


def test_a_text_costs_no_more_than_its_number_does():
    tracemalloc.start()
    try:
        seen = SeenTexts()
        for number in range(COUNT):
            seen.add(f"/some/rather/long/folder/of/crashes/{number:08}.dmp")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / COUNT < 16
