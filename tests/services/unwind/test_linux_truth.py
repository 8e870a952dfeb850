"""Whole call chains of real crashes against what a debugger saw in the very same process."""

import json

import pytest

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.session import SymbolPlan, open_session

# What cannot be walked in full, and why; docs/stack-walking.md says more.
LOST = {
    "kinds-O2-overflow": "the dump holds no stack memory",
    "kinds-O0-m32-badsp": "the dump holds no stack memory",
    "kinds-O0-badsp-chrome": "the dump holds no stack memory",
    "kinds-O2-static-abort": "the dump lists no modules",
    "kinds-O2-static-callnull": "the dump lists no modules",
    "kinds-O2-static-insignal": "the dump lists no modules",
    "kinds-O2-nobuildid-deep": "the program has no identifier: no symbols match it",
}
PHYSICAL = ("normal", "sigtramp")
# The same function under another of its names, or a name that debuggers spell differently.
SAME_FUNCTION = 0.99
# One inlined call of libstdc++'s invoke.h: line 60 for gdb, 61 for addr2line and llvm-symbolizer.
OTHER_LINE = ("cc-O2-lambda", "cc-O2-lambda-chrome")


@pytest.fixture(scope="module")
def linux(truth):
    return truth / "linux"


@pytest.fixture(scope="module")
def walks(linux, tmp_path_factory):
    """For each case: its entry, the debugger's frames, our report."""
    cases = json.loads((linux / "manifest.json").read_text(encoding="utf-8"))["cases"]
    plan = SymbolPlan(paths=(str(linux / "bin"), str(linux / "syslibs")))
    found = []
    with open_session(plan, str(tmp_path_factory.mktemp("cache"))) as symbols:
        for case in cases:
            told = json.loads((linux / case["truth"]).read_text(encoding="utf-8"))
            frames = next(row["frames"] for row in told["threads"] if row.get("crashed"))
            path = str(linux / case["dump"])
            found.append((case, frames, read_report(path, path, InspectOptions(symbols=symbols))))
    assert len(found) > 100
    return found


def physical(frames):
    return [frame for frame in frames if frame.get("kind", "normal") in PHYSICAL]


def pointers(report):
    return [frame.resume or frame.instruction for frame in report.crashed_thread.frames]


def test_each_chain_is_whole_and_has_no_other_frame_in_it(walks):
    wrong = []
    for case, frames, report in walks:
        if case["id"] in LOST or not case["stack_intact"]:
            continue
        expected = [int(frame.get("pc", "0"), 16) for frame in physical(frames)]
        if pointers(report)[: len(expected)] != expected:
            wrong.append(case["id"])

    assert not wrong, wrong


@pytest.mark.parametrize("case_id", ["kinds-O2-static-abort", "kinds-O2-nobuildid-deep"])
def test_a_program_without_an_identifier_is_walked_when_its_file_is_given(linux, tmp_path, case_id):
    """One is static, and not even a module of its dump; the other has no build id."""
    cases = json.loads((linux / "manifest.json").read_text(encoding="utf-8"))["cases"]
    case = next(row for row in cases if row["id"] == case_id)
    truth = json.loads((linux / case["truth"]).read_text(encoding="utf-8"))
    frames = next(row["frames"] for row in truth["threads"] if row.get("crashed"))
    path, program = str(linux / case["dump"]), linux / case["program"]
    plan = SymbolPlan(paths=(f"{program.name}={program}", str(linux / "syslibs")))

    with open_session(plan, str(tmp_path)) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols))

    expected = [int(frame["pc"], 16) for frame in physical(frames)]
    assert pointers(report)[: len(expected)] == expected
    assert not any("lists no modules" in hint for hint in report.crash.hints)


def test_what_is_lost_is_said(walks):
    for case, _, report in walks:
        if LOST.get(case["id"]) == "the dump holds no stack memory":
            assert "no memory at the stack pointer" in report.crashed_thread.note
        if case["id"] == "kinds-O2-static-abort":
            assert any("lists no modules" in hint for hint in report.crash.hints)


def test_a_chain_goes_on_to_the_entry_point_and_ends_there(walks):
    ends = {
        report.crashed_thread.frames[-1].function
        for case, frames, report in walks
        if case["stack_intact"]
        and case["id"] not in LOST
        and case["bits"] == 64
        and case["program"].split("/")[1] in ("O0", "O2", "O3")
        and physical(frames)[-1].get("name") == "main"
    }

    assert ends == {"_start"}


def test_guessed_frames_are_rare_where_there_is_unwind_information(walks):
    trusts = [
        frame.trust
        for case, _, report in walks
        if case["stack_intact"] and "noeh" not in case["program"] and case["id"] not in LOST
        for frame in report.crashed_thread.frames[1:]
    ]

    assert trusts.count("scan") <= 14  # a call through a bad pointer leaves no rules to go by
    assert len(trusts) > 2000


def flatten(report):
    for frame in report.crashed_thread.frames:
        yield from ((call.function, call.line) for call in frame.inlines)
        yield frame.function, frame.line


def test_functions_lines_and_inlined_calls_are_those_of_the_debugger(walks):
    functions, lines = [], []
    for case, frames, report in walks:
        if case["id"] in LOST or not case["stack_intact"]:
            continue
        told = [frame for frame in frames if frame.get("kind") != "tailcall"]
        for (function, line), frame in zip(flatten(report), told, strict=False):
            if frame.get("name"):
                functions.append(spell(function or "") == spell(frame["name"]))
            if frame.get("line"):
                lines.append("" if line == frame["line"] else case["id"])

    assert sum(functions) / len(functions) >= SAME_FUNCTION
    assert tuple(filter(None, lines)) == OTHER_LINE
    assert len(lines) > 2500


def spell(name):
    return name.partition("(")[0].replace("> >", ">>").replace("> >", ">>")


def test_a_signal_handler_is_left_through_its_trampoline(walks):
    for case, _, report in walks:
        if case["kind"] == "insignal" and case["id"] not in LOST:
            functions = [frame.function for frame in report.crashed_thread.frames]
            place = functions.index("__restore_rt")
            assert functions[place - 1] == "on_usr1"
            assert "kill" in functions[place + 1]


def test_verdicts_tell_stripped_programs_from_whole_ones(linux, tmp_path):
    cases = json.loads((linux / "manifest.json").read_text(encoding="utf-8"))["cases"]
    case = next(case for case in cases if case["program"] == "bin/stripped/threads")
    dump = str(linux / case["dump"])

    def verdict(*names):
        paths = tuple(str(linux / "bin" / "stripped" / name) for name in names)
        with open_session(SymbolPlan(paths=paths), str(tmp_path)) as symbols:
            report = read_report(dump, dump, InspectOptions(symbols=symbols))
        return next(row for row in report.symbols if row.module.name == "threads")

    assert verdict("threads").status == "stripped"
    assert "before strip" in verdict("threads").fix
    assert verdict("threads", "threads.debug").status == "ok"
    assert verdict("threads.unstripped").status == "ok"
    assert verdict("kinds").status == "missing"
