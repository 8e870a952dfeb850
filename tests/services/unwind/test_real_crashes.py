"""Crashes whose stacks are hard to walk, under a real handler; the program's text is the truth."""

# ruff: noqa: F811 (fixtures that are imported)

import os
import re

import pytest

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.services.handler.conftest import (  # noqa: F401 (fixtures)
    PROGRAMS,
    build,
    crash_under,
    sentry_handler,
)
from tests.toolchain import run_tool

# The program's own functions, innermost first, where only its own symbols are at hand: frames of
# the C and C++ libraries between them are guessed, and signal frames known by what they hold.
CHAINS = {
    "assembly_without_rules": (
        "fall",
        "step",
        "called_back",
        "by_hand",
        "assembly_without_rules",
        "main",
    ),
    "generated_code": ("fall", "step", "called_back", "generated_code", "main"),
    "generated_code_without_frame": (
        "fall",
        "step",
        "called_back",
        "generated_code_without_frame",
        "main",
    ),
    "asynchronous_signal": ("fall", "step", "on_signal", "spin", "asynchronous_signal", "main"),
    "abort_in_handler": ("give_up", "fall", "step", "abort_in_handler", "main"),
    "terminate": ("Guard::complain", "terminate", "main"),
    "callback_of_qsort": ("fall", "step", "compare", "callback_of_qsort", "main"),
    "in_time": ("in_time", "main"),
}


@pytest.mark.parametrize("way", CHAINS)
def test_the_programs_own_frames_are_whole_without_the_libraries_symbols(
    way, build, sentry_handler, crash_under, tmp_path
):
    program = build("crash_kinds.cpp")
    _, delivery = crash_under(sentry_handler, [program, way])
    dump = delivery.path

    plan = SymbolPlan(paths=(program,))
    with open_session(plan, str(tmp_path / "cache")) as symbols:
        report = read_report(dump, dump, InspectOptions(symbols=symbols))

    frames = report.crashed_thread.frames
    own = [
        (frame.function or "").partition("(")[0]
        for frame in frames
        if frame.module and frame.module.code_file == program
    ]
    assert tuple(name for name in own if name != "_start") == CHAINS[way]


def test_a_program_of_musl_which_has_no_unwind_rules_is_walked(
    sentry_handler, crash_under, tmp_path
):
    """With musl's own code at hand the place to which a signal handler returns has its name, too,
    not that of the export before it.
    """
    program = str(tmp_path / "crash")
    flags = ("-x", "c++", "-fno-exceptions", "-fno-rtti", "-DC_LIBRARY_ONLY", "-O1", "-g")
    run_tool("musl-gcc", *flags, "-Wl,--build-id", "-o", program, PROGRAMS / "crash_kinds.cpp")
    _, delivery = crash_under(sentry_handler, [program, "asynchronous_signal"])
    loaded = re.search("interpreter: (.*)]", run_tool("readelf", "-lW", program))
    plan = SymbolPlan(paths=(program, os.path.realpath(loaded[1])))

    with open_session(plan, str(tmp_path / "cache")) as symbols:
        report = read_report(delivery.path, delivery.path, InspectOptions(symbols=symbols))

    frames = report.crashed_thread.frames
    names = [(frame.function or "").partition("(")[0] for frame in frames]
    assert names[:7] == [
        "fall",
        "step",
        "on_signal",
        "__restore_rt",
        "spin",
        "asynchronous_signal",
        "main",
    ]


def test_a_stack_that_is_not_in_the_dump_is_said_to_be_missing(
    build, sentry_handler, crash_under, tmp_path
):
    """The handler stores the alternate stack that the signal came on, not the interrupted one."""
    program = build("crash_kinds.cpp")
    _, delivery = crash_under(sentry_handler, [program, "alternate_stack"])
    dump = delivery.path

    with open_session(SymbolPlan(paths=(program,)), str(tmp_path / "cache")) as symbols:
        report = read_report(dump, dump, InspectOptions(symbols=symbols))

    assert "came on another stack" in report.crashed_thread.note


def test_both_ends_of_a_deep_recursion_are_kept(build, sentry_handler, crash_under, tmp_path):
    program = build("crash_kinds.cpp")
    _, delivery = crash_under(sentry_handler, [program, "deep_recursion"])
    dump = delivery.path

    with open_session(SymbolPlan(paths=(program,)), str(tmp_path / "cache")) as symbols:
        thread = read_report(dump, dump, InspectOptions(symbols=symbols)).crashed_thread

    functions = [(frame.function or "").partition("(")[0] for frame in thread.frames]
    assert functions[:3] == ["fall", "step", "recurse"]
    assert {"recurse", "deep_recursion", "main"} <= set(functions[-10:])
    assert thread.left_out > 1000
    assert thread.number_of(len(thread.frames) - 1) == len(thread.frames) + thread.left_out - 1
