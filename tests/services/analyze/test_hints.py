import pytest

from crashtool.formats.minidump.reasons import Reason
from crashtool.model.crash import Frame, InlineFrame, Registers, Thread, UnloadedHit
from crashtool.model.module import Module
from crashtool.services.analyze.hints import HintContext, collect_hints
from crashtool.services.analyze.stack_hints import BY_NAME, MEANINGS, add_stack_hints
from tests.render.reports import report

GAME = Module(0x400000, 0x100000, "game", "/opt/game")
CODE = 0x401000


def hints(
    *, address=0x45, kind="memory", words="", name="SIGSEGV", sentence="", error=None, **regs
):
    values = {"rip": CODE, "rsp": 0x7000, "rax": 1} | regs
    registers = Registers("x86_64", 8, values, values["rip"], values["rsp"], 0)
    frame = Frame(values["rip"], "context", GAME)
    reason = Reason(name, sentence, address, kind, words)
    thread = Thread(1, None, (frame,), registers, last_error=error)
    scene = HintContext(reason, thread, registers, frame, None, has_stack_at=True, has_modules=True)
    return " | ".join(collect_hints(scene))


def test_a_small_address_is_probably_a_null_pointers_member():
    assert hints(address=0x45) == (
        "probably a null pointer: what was wanted lies 0x45 (69) bytes into what is not there"
    )


@pytest.mark.parametrize(("address", "kind"), [(0, "memory"), (0x1000, "memory"), (5, "sender")])
def test_other_addresses_are_not(address, kind):
    assert "null pointer" not in hints(address=address, kind=kind)


def test_a_stack_pointer_near_null_is_no_null_pointer():
    assert "null pointer" not in hints(address=0xFF8, rsp=0x1000)


def test_a_jump_to_a_small_address_is_a_bad_call_instead():
    found = hints(address=0x45, rip=0x45)
    assert "a call through" in found
    assert "probably a null pointer" not in found


def wild(**registers):
    return hints(address=0, kind="unknown", words="non-canonical address", **registers)


def test_a_pointer_that_cannot_be_one_is_looked_for_in_the_registers():
    found = wild(rax=0xDDDDDDDDDDDDDDDD, rbx=int.from_bytes(b"/usr/lib", "little"), rcx=0x7FFF_0000)
    assert found.startswith("a pointer held no address that x86-64 can have: perhaps ")
    assert "rax (0xdddddddddddddddd, looks like freed heap memory" in found
    assert 'rbx (0x62696c2f7273752f, the text "/usr/lib")' in found
    assert "rcx" not in found
    assert "(0x0123456789abcdef)" in wild(rdx=0x0123456789ABCDEF)
    assert wild() == ""


def test_no_more_than_three_registers_are_named():
    assert wild(**{f"r{n}": 0x4142434400000000 + n for n in range(8, 14)}).count(" or ") == 2


def test_only_x86_64_has_addresses_that_cannot_be():
    registers = Registers("arm64", 8, {"pc": CODE, "x0": 1 << 60}, CODE, 0x7000, 0)
    reason = Reason("SIGSEGV", "", 0, "unknown", "non-canonical address")
    scene = HintContext(reason, None, registers, None, None, has_stack_at=True, has_modules=True)
    assert collect_hints(scene) == ()


def test_a_heap_that_was_found_damaged_is_explained():
    found = hints(name="EXCEPTION_HEAP_CORRUPTION", kind="instruction")
    assert "the heap was damaged earlier" in found


def test_a_last_error_about_memory_is_told_and_no_other():
    assert "ERROR_NOT_ENOUGH_MEMORY: an allocation may have failed" in hints(error=8)
    assert "last error" not in hints(error=5)


def stack_hints(*frames, **fields):
    crash = report().crash._replace(hints=())
    thread = Thread(7, None, tuple(frames))
    return add_stack_hints(report(threads=(thread,), crash=crash, **fields)).crash.hints


def calls(*names, trust="cfi"):
    return [Frame(n, trust if n else "context", GAME, name) for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("raise", "abort", "__libc_message", "malloc_printerr", "free"), "heap damaged"),
        (("__GI_raise", "__GI_abort", "__fortify_fail", "__stack_chk_fail"), "overwritten"),
        (("abort", "__fortify_fail", "__chk_fail", "__memcpy_chk"), "_FORTIFY_SOURCE"),
        (("abort", "std::terminate()", "__cxa_pure_virtual"), "pure virtual"),
        (("raise", "abort", "std::terminate()", "f"), "C++ exception"),
        (("rust_panic::h0123456789abcdef", "core::panicking::panic_fmt"), "Rust panic"),
        (("raise", "abort", "__assert_fail", "f"), "an assertion failed"),
    ],
)
def test_the_functions_that_end_a_program_say_why(names, words):
    (hint,) = stack_hints(*calls(*names))
    assert words in hint


def test_merged_calls_count():
    frame = Frame(1, "context", GAME, "f", inlines=(InlineFrame("__stack_chk_fail"),))
    assert "overwritten" in stack_hints(frame)[0]


def test_guessed_frames_and_far_ones_say_nothing():
    assert stack_hints(*calls("f", "malloc_printerr", trust="scan")) == ()
    assert stack_hints(*calls(*"abcdefghijklmnop", "malloc_printerr")) == ()
    assert stack_hints(*calls("f", "main")) == ()


def test_deep_recursion_is_told():
    names = ["crash"] + ["parse", "value"] * 150 + ["main"]
    assert stack_hints(*calls(*names)) == (
        "deep recursion: 150 of the 302 frames are calls of parse",
    )
    assert stack_hints(*calls(*map(str, range(300)))) == ()
    assert stack_hints(*(Frame(n, "cfi", GAME) for n in range(300))) == ()


def test_callers_in_unloaded_modules_are_told():
    gone = (UnloadedHit("plugin.dll", 4),)
    frames = (Frame(1, "context", GAME), Frame(2, "cfi", unloaded=gone))
    assert "unloaded: plugin.dll" in stack_hints(*frames)[0]
    assert stack_hints(Frame(1, "context", unloaded=gone)) == ()
    assert stack_hints(frames[0], frames[1]._replace(trust="scan")) == ()


def test_a_report_of_no_crash_stays_as_it_is():
    for same in (
        report(crash=None),
        report(crashing_thread=None),
        report(crash=report().crash._replace(reason=Reason("asked for", "", is_crash=False))),
        report(),
    ):
        assert add_stack_hints(same) is same


def test_what_is_known_already_is_not_said_twice():
    told = add_stack_hints(report(threads=(Thread(7, None, tuple(calls("malloc_printerr"))),)))
    assert add_stack_hints(told) is told
    assert told.crash.hints[0] == "probably a stack overflow"


def test_no_function_means_two_things():
    assert len(BY_NAME) == sum(len(names) for _, names in MEANINGS)
