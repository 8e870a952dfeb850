"""Stretches of code by address: each its first address and its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches in the order of their addresses, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged


def measure_spans(spans: Iterable[tuple[int, int]]) -> int:
    """The bytes of all."""
    return sum(end - start for start, end in spans)


def clip_spans(spans: Iterable[tuple[int, int]], code: Iterable[range]) -> list[tuple[int, int]]:
    """What of each lies in one of the ranges of code, in the order of the addresses."""
    return sorted(
        (max(start, span.start), min(end, span.stop))
        for span in code
        for start, end in spans
        if start < span.stop and span.start < end
    )


def spread_addresses(spans: Iterable[tuple[int, int]], step: int) -> Iterator[int]:
    """Addresses with `step` bytes between them, gaps between the spans not counted."""
    skip = 0
    for start, end in spans:
        yield from range(start + skip, end, step)
        size = end - start
        skip = skip - size if skip >= size else (skip - size) % step
