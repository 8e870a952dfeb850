import json

import pytest

from crashtool.formats.minidump.reasons.reason import Reason
from crashtool.model.crash import (
    Crash,
    CrashReport,
    Frame,
    InlineFrame,
    Process,
    Thread,
    UnloadedHit,
)
from crashtool.model.ignored_frames import GROUPS, NAMES, is_ignored
from crashtool.model.module import Module
from crashtool.model.own_calls import name_frame
from crashtool.model.signature import fold, name_innermost, sign

GAME = Module(0x400000, 0x1000, "game.exe", "C:\\game.exe")
KERNELBASE = Module(0x500000, 0x1000, "KERNELBASE.dll", "C:\\Windows\\System32\\KERNELBASE.dll")


def chain(*names):
    return [Frame(n, "cfi" if n else "context", GAME, name) for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (Frame(0x400010, "context", GAME, function="Renderer::flush"), "Renderer::flush"),
        (Frame(0x400010, "context", GAME, file="C:\\src\\a.cpp", line=7), "a.cpp:7"),
        (Frame(0x400010, "context", GAME), "game.exe+0x10"),
        (Frame(0x10, "context", unloaded=(UnloadedHit("p.dll", 4),)), "p.dll+0x4 (unloaded)"),
        (Frame(0x10, "context"), "0x10"),
    ],
)
def test_a_frame_is_called_by_the_best_it_has(frame, name):
    assert name_frame(frame) == name


@pytest.mark.parametrize(
    "ignored",
    [
        ("raise", "abort"),
        ("__pthread_kill_implementation", "__GI_raise", "__GI_abort", "__assert_fail_base"),
        ("__pthread_kill", "pthread_kill", "abort", "__assert_rtn"),
        ("__memmove_avx_unaligned_erms",),
        ("_platform_memmove$VARIANT$Haswell",),
        ("__strlen_evex",),
        ("__memcpy_chk", "std::vector<int>::push_back(int const&)"),
        ("RaiseException", "_CxxThrowException"),
        ("gsignal", "abort", "__gnu_cxx::__verbose_terminate_handler()", "std::terminate()"),
        ("malloc_printerr", "_int_free", "__GI___libc_free", "operator delete(void*)"),
        (
            "__rustc::__rust_abort",
            "rust_panic",
            "core::panicking::panic_fmt",
            "core::option::unwrap_failed",
        ),
        ("core::ptr::read_volatile::h0123456789abcdef", "<alloc::vec::Vec<T> as core::X>::index"),
        ("Swift runtime failure: Unexpectedly found nil", "_assertionFailure(_:_:file:line:)"),
        ("objc_exception_throw", "-[NSException raise]"),
        ("void std::__invoke_impl<int>(int)", "__invoke_r<int, app::f>"),
        ("abort@@GLIBC_2.2.5", "__asan_report_load8", "__sanitizer::Die()"),
        ("crashpad::CrashpadClient::DumpWithoutCrash(ucontext_t*)",),
        ("__kernel_vsyscall", "__restore_rt", "__restore", "tgkill"),
    ],
)
def test_functions_that_only_carry_a_crash_are_passed_over(ignored):
    assert name_innermost(chain(*ignored, "Game::check(int)", "main")) == "Game::check(int)"


@pytest.mark.parametrize(
    "function",
    [
        "restore", "invoke", "app::abort", "my_memcpy_wrapper", "stdlib::run", "Core::update",
        "operator<<(std::ostream&, Game const&)", "main", "assert_valid", "frees", "memcpy_",
        "(anonymous namespace)::flush(int)", "?abort@Game@@QEAAXXZ", "", "(", "<", "::", "_",
    ],
)  # fmt: skip
def test_functions_with_similar_names_are_not(function):
    assert not is_ignored(function)


def test_the_innermost_merged_call_counts_like_any_other():
    inlines = (InlineFrame("std::unique_ptr<Mesh>::operator*"), InlineFrame("Mesh::bind"))
    frame = Frame(1, "context", GAME, "Renderer::flush", inlines=inlines)
    assert name_innermost([frame]) == "Mesh::bind"
    only_library = frame._replace(inlines=inlines[:1])
    assert name_innermost([only_library]) == "Renderer::flush"
    assert name_innermost([frame._replace(inlines=(InlineFrame(""),))]) == "Renderer::flush"


def test_when_all_frames_are_ignored_the_first_counts():
    assert name_innermost(chain("abort", "raise")) == "abort"
    merged = Frame(1, "context", GAME, "abort", inlines=(InlineFrame("raise"),))
    assert name_innermost([merged]) == "raise"


def test_without_frames_there_is_no_signature():
    assert name_innermost([]) == ""


def test_a_runtime_module_without_names_is_passed_over_for_what_is_sure():
    raised = Frame(0x500010, "context", KERNELBASE)
    assert name_innermost([raised, *chain("abort", "Game::check")]) == "Game::check"
    assert name_innermost([raised, Frame(0x400010, "cfi", GAME)]) == "game.exe+0x10"


def test_a_runtime_module_without_names_stays_when_only_guesses_follow():
    raised = Frame(0x500010, "context", KERNELBASE)
    assert name_innermost([raised, Frame(0x400010, "scan", GAME, "f")]) == "KERNELBASE.dll+0x10"
    assert name_innermost([raised]) == "KERNELBASE.dll+0x10"


def test_a_call_through_a_bad_pointer_is_named_after_the_caller():
    nowhere, caller = Frame(0, "context"), Frame(1, "scan", GAME, "Game::check")
    assert name_innermost([nowhere, *chain("f", "Game::check")[1:]]) == "Game::check"
    assert name_innermost([nowhere, caller, *chain("main")]) == "Game::check"
    assert name_innermost([nowhere, caller._replace(function=None)]) == "0x0"
    assert name_innermost([nowhere, nowhere._replace(trust="cfi"), caller]) == "0x0"
    unloaded = Frame(0x10, "context", unloaded=(UnloadedHit("p.dll", 4),))
    assert name_innermost([unloaded, *chain("f")]) == "p.dll+0x4 (unloaded)"


def test_a_hostile_name_is_cut():
    assert len(name_innermost(chain("x" * 1_000_000))) == 4096
    assert not is_ignored("<" * 1_000_000)


def test_every_ignored_name_is_written_as_it_is_looked_up():
    assert sum(len(names.split()) for names in GROUPS.values()) == len(NAMES)
    assert [name for name in sorted(NAMES) if not is_ignored(name)] == []


LIBC = Module(0x700000, 0x1000, "libc.so.6", "/lib/libc.so.6")
NAMELESS = Frame(0x700010, "cfi", LIBC)


def report_of(*frames, name="SIGSEGV / SEGV_MAPERR", address=0, hints=(), is_crash=True):
    reason = Reason(name, "", address, is_crash=is_crash)
    crash = Crash(reason, 11, 0, (), address, 1, hints=hints)
    thread = Thread(1, None, tuple(frames))
    report = CrashReport("", 0, "", None, None, Process(), crash, (thread,), 0, (), ())
    assert report.crashed_thread is thread
    return report


class TestVersion1:
    """The strings are frozen: baselines are kept by them."""

    @pytest.mark.parametrize(
        ("frames", "text", "quality"),
        [
            (chain("game::bind(int)", "game::draw() const", "main"),
             "game::bind | game::draw [memory]", "named"),
            (chain("main", "_start"), "main [memory]", "named"),
            ([NAMELESS, Frame(0x400010, "cfi", GAME), *chain("main")],
             "game.exe@+0x10 | main [memory]", "raw"),
            ([NAMELESS, *chain("raise", "main")], "main [memory]", "named"),
            ([NAMELESS, Frame(1, "scan", GAME, "f"), Frame(2, "cfi", GAME, "g"),
              Frame(3, "scan", GAME, "h")], "f | g [memory]", "guess"),
            ([Frame(1, "cfi", GAME, "g"), Frame(3, "scan", GAME, "h")], "g [memory]", "named"),
            ([Frame(0x10, "context"), *chain("f", "g")], "f | g [memory]", "named"),
            ([NAMELESS], "libc.so.6+0x10 [memory]", "none"),
            ([NAMELESS._replace(function="qsort"), *chain("cmp", "run")], "cmp | run [memory]",
             "named"),
            (chain("a", "b", "a", "b", "a", "b", "run"), "a | b [memory]", "named"),
            (chain("std::vector<int>::at", "f"), "f [memory]", "named"),
            ([], "", "none"),
        ],
    )  # fmt: skip
    def test_takes_two_of_the_programs_own_functions(self, frames, text, quality):
        signature = sign(report_of(*frames))

        assert (signature.text, signature.quality) == (text, quality)

    def test_is_the_same_whether_the_systems_symbols_are_at_hand_or_not(self):
        named = NAMELESS._replace(function="__libc_message", file="libc_fatal.c", line=5)

        assert sign(report_of(NAMELESS, *chain("f"))) == sign(report_of(named, *chain("f")))

    def test_counts_merged_calls(self):
        frame = Frame(1, "cfi", GAME, "outer", inlines=(InlineFrame("inner(int)"),))

        assert sign(report_of(frame)).text == "inner | outer [memory]"

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("SIGABRT / SI_TKILL", "abort"),
            ("0xe06d7363", "abort"),
            ("SIGFPE / FPE_INTDIV", "arith"),
            ("EXCEPTION_INT_DIVIDE_BY_ZERO", "arith"),
            ("SIGTRAP", "trap"),
            ("EXCEPTION_BREAKPOINT", "trap"),
            ("SIGILL / ILL_ILLOPN", "illegal"),
            ("EXCEPTION_ACCESS_VIOLATION_EXEC", "call"),
            ("EXCEPTION_STACK_OVERFLOW", "stack"),
            ("SIGBUS", "memory"),
            ("EXCEPTION_ACCESS_VIOLATION_READ", "memory"),
        ],
    )
    def test_ends_with_the_class_of_the_crash(self, name, kind):
        assert sign(report_of(*chain("f"), name=name)).kind == kind

    def test_of_a_jump_to_nowhere_is_a_call(self):
        assert sign(report_of(Frame(0x10, "context"), *chain("f"), address=0x10)).kind == "call"

    def test_of_what_is_no_crash_says_so(self):
        assert sign(report_of(*chain("f"), is_crash=False)).text == "f [simulated]"

    def test_of_a_stack_overflow_is_the_circle_wherever_it_ended(self):
        hints = ("probably a stack overflow: ...",)
        first = sign(report_of(*chain(*["walk", "visit"] * 40), hints=hints))
        second = sign(report_of(*chain("visit", *["walk", "visit"] * 40), hints=hints))

        assert first == second
        assert first.text == "recursion: visit, walk [stack]"


@pytest.mark.parametrize(
    ("names", "folded"),
    [("aaab", "ab"), ("ababc", "abc"), ("abcabcabcd", "abcd"), ("abcd", "abcd"), ("", "")],
)
def test_what_repeats_itself_stands_once(names, folded):
    assert "".join(fold(names)) == folded


def frames_of(truth):
    crashed = next(thread for thread in truth["threads"] if thread["crashed"])
    return [
        Frame(int(row["pc"], 16), "cfi", GAME, row["name"])
        for row in crashed["frames"]
        if row.get("name")
    ]


def test_real_crashes_are_named_after_the_programs_own_functions(truth):
    """What the programs of the collection call themselves, and libraries that come with them."""
    folder = truth / "linux" / "cases"
    names = {}
    for file in sorted(folder.glob("*.truth.json")):
        frames = frames_of(json.loads(file.read_text()))
        if frames:
            names.setdefault(name_innermost(frames), []).append(file.name)
    library = {name: files for name, files in names.items() if is_ignored(name)}
    assert len(names) > 5
    assert library == {}
