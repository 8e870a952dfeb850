import json

import pytest

from crashtool.model.carriers import GROUPS, NAMES
from crashtool.model.crash import Frame, InlineFrame, Module, UnloadedHit
from crashtool.model.signature import drop_clone, get_signature, is_carrier, name_frame

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
    "carriers",
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
def test_functions_that_only_carry_a_crash_are_passed_over(carriers):
    assert get_signature(chain(*carriers, "Game::check(int)", "main")) == "Game::check(int)"


@pytest.mark.parametrize(
    "function",
    [
        "restore", "invoke", "app::abort", "my_memcpy_wrapper", "stdlib::run", "Core::update",
        "operator<<(std::ostream&, Game const&)", "main", "assert_valid", "frees", "memcpy_",
        "(anonymous namespace)::flush(int)", "?abort@Game@@QEAAXXZ", "", "(", "<", "::", "_",
    ],
)  # fmt: skip
def test_functions_with_similar_names_are_not(function):
    assert not is_carrier(function)


def test_the_innermost_merged_call_counts_like_any_other():
    inlines = (InlineFrame("std::unique_ptr<Mesh>::operator*"), InlineFrame("Mesh::bind"))
    frame = Frame(1, "context", GAME, "Renderer::flush", inlines=inlines)
    assert get_signature([frame]) == "Mesh::bind"
    only_library = frame._replace(inlines=inlines[:1])
    assert get_signature([only_library]) == "Renderer::flush"
    assert get_signature([frame._replace(inlines=(InlineFrame(""),))]) == "Renderer::flush"


def test_when_all_frames_are_carriers_the_first_counts():
    assert get_signature(chain("abort", "raise")) == "abort"
    merged = Frame(1, "context", GAME, "abort", inlines=(InlineFrame("raise"),))
    assert get_signature([merged]) == "raise"


def test_without_frames_there_is_no_signature():
    assert get_signature([]) == ""


def test_a_runtime_module_without_names_is_passed_over_for_what_is_sure():
    raised = Frame(0x500010, "context", KERNELBASE)
    assert get_signature([raised, *chain("abort", "Game::check")]) == "Game::check"
    assert get_signature([raised, Frame(0x400010, "cfi", GAME)]) == "game.exe+0x10"


def test_a_runtime_module_without_names_stays_when_only_guesses_follow():
    raised = Frame(0x500010, "context", KERNELBASE)
    assert get_signature([raised, Frame(0x400010, "scan", GAME, "f")]) == "KERNELBASE.dll+0x10"
    assert get_signature([raised]) == "KERNELBASE.dll+0x10"


def test_a_call_through_a_bad_pointer_is_named_after_the_caller():
    nowhere, caller = Frame(0, "context"), Frame(1, "scan", GAME, "Game::check")
    assert get_signature([nowhere, *chain("f", "Game::check")[1:]]) == "Game::check"
    assert get_signature([nowhere, caller, *chain("main")]) == "Game::check"
    assert get_signature([nowhere, caller._replace(function=None)]) == "0x0"
    assert get_signature([nowhere, nowhere._replace(trust="cfi"), caller]) == "0x0"
    unloaded = Frame(0x10, "context", unloaded=(UnloadedHit("p.dll", 4),))
    assert get_signature([unloaded, *chain("f")]) == "p.dll+0x4 (unloaded)"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("app::run::h0123456789abcdef", "app::run"),
        ("app::run::h0123456789abcdeX", "app::run::h0123456789abcdeX"),
        ("parse.part.0.isra.3", "parse"),
        ("f(int) [clone .constprop.0]", "f(int)"),
        ("f.cold", "f"),
        ("fopen@@GLIBC_2.2.5", "fopen"),
        ("?flush@Renderer@@QEAAXXZ", "?flush@Renderer@@QEAAXXZ"),
        (".cold", ".cold"),
        ("::h0123456789abcdef", "::h0123456789abcdef"),
    ],
)
def test_what_differs_between_builds_is_dropped(function, name):
    assert drop_clone(function) == name


def test_a_hostile_name_is_cut():
    assert len(get_signature(chain("x" * 1_000_000))) == 4096
    assert not is_carrier("<" * 1_000_000)


def test_every_carrier_is_written_as_it_is_looked_up():
    assert sum(len(names.split()) for names in GROUPS.values()) == len(NAMES)
    assert [name for name in sorted(NAMES) if not is_carrier(name)] == []


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
            names.setdefault(get_signature(frames), []).append(file.name)
    library = {name: files for name, files in names.items() if is_carrier(name)}
    assert len(names) > 5
    assert library == {}
