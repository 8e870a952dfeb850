"""Writes the source of a C++ library that is large only in debug information, and of its crash.

The library has many functions in many namespaces, all specializations of templates, with loops
and inlined calls. One function of each unit calls on into another unit, as deep as it is asked
to, and the last writes to a bad address.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

UNITS = 44
WORKERS = 1000  # functions of a unit
STATEMENTS = (30, 60)  # of a function

HEADER = """\
#pragma once
namespace factory {
struct Part { long weight; int marks[8]; };
template <class Kind> struct Belt { Kind *items; unsigned length; };
struct Line {
  Belt<Part> belt;
  long total;
  int gauges[32];
  volatile int *outlet;
};
using Worker = long (*)(Line &line, int shifts);
extern const Worker *const halls[];
template <int Turns> static inline __attribute__((always_inline)) long turn(long value) {
  unsigned long bits = value;
  bits = bits << Turns | bits >> (64 - Turns);
  return bits;
}
static inline __attribute__((always_inline)) long weigh(const Line &line, unsigned place) {
  const Part &part = line.belt.items[place % line.belt.length];
  return turn<5>(part.weight) + part.marks[place % 8];
}
static inline __attribute__((always_inline)) void stamp(Line &line, int mark) {
  *line.outlet = mark;
}
}
"""

# What the functions do; {a} is a place in an array, {b} a number, {c} how far to turn.
STATEMENTS_OF_A_WORKER = (
    "sum += line.gauges[{a}] * {b};",
    "sum = turn<{c}>(sum) - {b};",
    "if (sum % {b} == {c})",
    "line.gauges[{a}] = (int)(sum >> {c});",
    "load ^= weigh(line, {b});",
    "for (int step = 0; step < (load & 3); step++)",
    "load = load * {b} + line.gauges[{a}];",
    "while (load > {b}000)",
    "line.belt.items[{a} % line.belt.length].weight = load;",
    "sum += load < {b} ? weigh(line, {a}) : {c};",
)
OPENERS = ("if", "for", "while")
INNER = "load = load / {c} - {b};"

ENTRY = """\
extern "C" long start_factory(int shifts) {
  static factory::Part parts[16];
  for (int place = 0; place < 16; place++)
    parts[place].weight = place * 3 + 1;
  factory::Line line;
  line.belt.items = parts;
  line.belt.length = 16;
  line.total = 7;
  for (int place = 0; place < 32; place++)
    line.gauges[place] = place;
  line.outlet = (volatile int *)0x18;
  return factory::halls[0][0](line, shifts) + line.total;
}
"""

CRASHER = """\
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* crasher LIBRARY CALLS: crash that many calls deep in the library. */
int main(int count, char **words) {
  void *library = dlopen(words[1], RTLD_NOW);
  if (count != 3 || !library) {
    fprintf(stderr, "%s\\n", dlerror());
    return 2;
  }
  long (*start)(int) = (long (*)(int))dlsym(library, "start_factory");
  return (int)start(atoi(words[2]));
}
"""


def write_source(folder: Path, units: int = UNITS, workers: int = WORKERS) -> list[Path]:
    """Write the header, the units and the entry; the files to compile, always the same text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "factory.h").write_text(HEADER)
    paths = []
    for unit in range(units):
        paths.append(folder / f"unit_{unit:03}.cc")
        paths[-1].write_text("\n".join(unit_lines(unit, units, workers)) + "\n")
    paths.append(folder / "entry.cc")
    paths[-1].write_text("\n".join(entry_lines(units)) + "\n")
    return paths


def unit_lines(unit: int, units: int, workers: int) -> Iterator[str]:
    """One source file: a namespace of its own with all its workers, and a list of them."""
    chance = random.Random(unit)  # noqa: S311 (plausible text, not secrets)
    yield '#include "factory.h"'
    yield f"namespace factory::hall_{unit:03} {{"
    yield "template <int Place> struct Station { static long work(Line &line, int shifts); };"
    for place in range(workers):
        yield from worker_lines(chance, place, unit, units if place == 0 else 0)
    # Without this list nothing would need them.
    yield "extern const Worker staff[];"
    yield "const Worker staff[] = {"
    yield from (f"  Station<{place}>::work," for place in range(workers))
    yield "};"
    yield "}"


def worker_lines(chance: random.Random, place: int, unit: int, units: int) -> Iterator[str]:
    """One function; with `units`, one that calls on into another unit."""
    yield f"template <> long Station<{place}>::work(Line &line, int shifts) {{"
    yield f"  long sum = line.total + {place};"
    yield "  long load = shifts;"
    for _ in range(chance.randint(*STATEMENTS)):
        values = {
            "a": chance.randrange(32),
            "b": chance.randint(3, 9999),
            "c": chance.randint(2, 9),
        }
        statement = chance.choice(STATEMENTS_OF_A_WORKER)
        yield "  " + statement.format(**values)
        if statement.startswith(OPENERS):
            yield "    " + INNER.format(**values)
    if units:
        yield "  if (shifts > 0)"
        yield f"    sum += halls[(unsigned)(shifts * 5 + {unit}) % {units}][0](line, shifts - 1);"
        yield "  else"
        yield "    stamp(line, (int)sum);"
    yield "  line.total += sum;"
    yield "  return sum ^ load;"
    yield "}"


def entry_lines(units: int) -> Iterator[str]:
    """The list of the functions that call on, and what starts the first of them."""
    yield '#include "factory.h"'
    for unit in range(units):
        yield f"namespace factory::hall_{unit:03} {{ extern const Worker staff[]; }}"
    yield "namespace factory {"
    yield "const Worker *const halls[] = {"
    yield from (f"  hall_{unit:03}::staff," for unit in range(units))
    yield "};"
    yield "}"
    yield from ENTRY.splitlines()
