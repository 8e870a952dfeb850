"""Crashes of small programs whose source says which variable led there."""

import re
import resource  # of Unix alone
from contextlib import contextmanager

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.handler.reports.delivery import find_delivery
from crashtool.services.handler.reports.report_database import prepare_database
from crashtool.services.handler.smoke.subprocess_run import run_in_subprocess
from crashtool.services.handler.snapshot.own_writer import OwnWriter

NOTHING = None
STACK = 300_000  # bytes, so that one that overflows is soon read


def read_cases(source):
    """What may be told of each case, by its name: pairs of an access and a pointer, or NOTHING."""
    cases, words = {}, ""
    for line in source.read_text(encoding="utf-8").splitlines():
        if comment := re.fullmatch(r"(?:/\*|//) (.*?)(?: \*/)?", line):
            words = comment[1]
        elif case := re.match(r"CASE\((\w+)\)", line):
            cases[case[1]] = set(_parse(words))
    return cases


def _parse(words):
    for part in words.split("; "):
        if part == "none":
            yield NOTHING
            continue
        accesses, _, pointers = part.rpartition(": ")
        for access in accesses.split(", "):
            yield from ((access, pointer) for pointer in pointers.split(", "))


@contextmanager
def small_processes():
    """Processes that are started have small stacks, and leave no cores."""
    before = {
        kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_STACK, resource.RLIMIT_CORE)
    }
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, before[resource.RLIMIT_STACK][1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, before[resource.RLIMIT_CORE][1]))
    try:
        yield
    finally:
        for kind, limits in before.items():
            resource.setrlimit(kind, limits)


def crash(program, case, folder):
    """The minidump of a case."""
    database = folder / case
    prepare_database(database)
    with small_processes():
        result = run_in_subprocess([str(program), case], own=OwnWriter(str(database), ()))
    return find_delivery(database, frozenset(), result.process_id).path


def tell(dump, symbols):
    """What is told of a crash: an access and a pointer, or NOTHING."""
    options = InspectOptions(symbols=symbols, variables=WantedVariables())
    pointer = read_report(dump, dump, options).crash.bad_pointer
    return pointer and (f"{pointer.does} {pointer.target}", pointer.pointer)
