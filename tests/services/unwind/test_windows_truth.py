"""Whole call chains of Windows crashes against the shadow stack that the program itself kept."""

import json

import pytest

from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.symbols.session import SymbolPlan, open_session

SYSTEM_FRAMES = 3  # at most, between the crash and the program's own innermost frame


@pytest.fixture(scope="module")
def windows(truth):
    return truth / "windows"


@pytest.fixture(scope="module")
def walks(windows, tmp_path_factory):
    """Name, what the program knew of each thread, our report."""
    cache = str(tmp_path_factory.mktemp("cache"))
    found = []
    for told in sorted((windows / "dumps").glob("*.json")):
        folder = windows / "bin" / told.name.partition(".")[0]
        path = str(told.with_suffix(".dmp"))
        with open_session(SymbolPlan(paths=(str(folder),)), cache) as symbols:
            report = read_report(path, path, InspectOptions(symbols=symbols, all_threads=True))
        found.append((told.stem, json.loads(told.read_text(encoding="utf-8")), report))
    assert len(found) > 30
    return found


def physical(frames):
    """Each physical frame with the functions that were merged into it, innermost first."""
    group = []
    for frame in frames:
        group.append(frame)
        if not frame["inlined"]:
            yield group
            group = []


def threads(walks):
    for name, told, report in walks:
        for thread in told["threads"]:
            ours = next(row for row in report.threads if row.id == thread["tid"])
            yield name, thread, ours


def place_of_chain(expected, frames):
    pointers = [frame.resume or frame.instruction for frame in frames]
    start = pointers.index(expected[0]) if expected[0] in pointers else None
    return start, pointers


def returns(thread):
    return [int(group[-1]["returns_to"]["address"], 16) for group in physical(thread["frames"])]


def test_the_chain_of_every_thread_is_whole_and_has_no_other_frame_in_it(walks):
    wrong = []
    for name, thread, ours in threads(walks):
        expected = returns(thread)
        start, pointers = place_of_chain(expected, ours.frames)
        if start is None or pointers[start : start + len(expected)] != expected:
            wrong.append((name, thread["name"]))

    assert not wrong, wrong


def test_hardly_a_frame_stands_before_the_program_or_behind_its_end(walks):
    for name, thread, ours in threads(walks):
        expected = returns(thread)
        start, pointers = place_of_chain(expected, ours.frames)
        if thread["crashed"]:
            assert start <= SYSTEM_FRAMES, (name, thread["name"])
        assert len(pointers) - start - len(expected) <= SYSTEM_FRAMES, (name, thread["name"])


def test_lines_and_inlined_calls_are_those_of_the_source(walks):
    same = []
    for _, thread, ours in threads(walks):
        expected = returns(thread)
        start, _ = place_of_chain(expected, ours.frames)
        for frame, group in zip(ours.frames[start - 1 :], physical(thread["frames"]), strict=False):
            lines = [call.line for call in frame.inlines] + [frame.line]
            same.append(lines == [row["line"] for row in group])

    assert sum(same) / len(same) >= 0.99


def test_functions_of_pdbs_are_those_of_the_source(walks):
    same = []
    for name, thread, ours in threads(walks):
        if name.startswith("dwarf"):  # whose inlined functions have lost their namespace
            continue
        start, _ = place_of_chain(returns(thread), ours.frames)
        for frame, group in zip(ours.frames[start - 1 :], physical(thread["frames"]), strict=False):
            names = [call.function for call in frame.inlines] + [frame.function or ""]
            same.append([text.partition("(")[0] for text in names] == [r["func"] for r in group])

    assert all(same)
    assert len(same) > 500


@pytest.mark.parametrize(
    ("flavour", "files", "status", "words"),
    [
        ("msvc-x64", ("crasher.pdb",), "no_unwind", "crasher.exe"),
        ("msvc-x64", ("crasher.exe", "crasher.pdb"), "ok", ""),
        ("msvc-x64", ("crasher.exe",), "missing", "crasher.pdb"),
        ("gnu-x64", ("crasher.pdb",), "mismatch", "crasher.pdb"),
    ],
)
def test_verdicts_say_what_is_missing(windows, tmp_path, flavour, files, status, words):
    path = str(windows / "dumps" / "msvc-x64.raise.crashpad.dmp")
    paths = tuple(str(windows / "bin" / flavour / name) for name in files)

    with open_session(SymbolPlan(paths=paths), str(tmp_path)) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols))

    verdict = next(row for row in report.symbols if row.module.name == "crasher.exe")
    assert verdict.status == status
    assert words in verdict.fix
