"""What of a walked frame is known to readers of variables: what unwind information has proven."""

from crashtool.model.crash import Frame
from crashtool.model.module import Module
from crashtool.services.analyze.variables.frame_views import make_views
from crashtool.services.unwind.arm import ARM64
from crashtool.services.unwind.intel import AMD64
from crashtool.services.unwind.unwind_context import StackFrame

GAME = Module(0x400000, 0x1000, "game", "/game")


def views_of(*rows, vectors=None, gap=None, inner=GAME):
    """Views of frames by how each was found and its stack pointer."""
    steps = [
        StackFrame({"rip": 0x400100, "rsp": pointer, "rbx": 0x10 + number}, trust)
        for number, (trust, pointer) in enumerate(rows)
    ]
    frames = [
        Frame(0x4000FF, trust, GAME if number else inner, "draw", resume=0x400100)
        for number, (trust, _) in enumerate(rows)
    ]
    return make_views(steps, frames, AMD64, lambda *_: None, vectors or {}, gap)


def test_registers_are_known_up_to_the_first_guess():
    views = views_of(("context", 0x100), ("cfi", 0x200), ("scan", 0x300), ("cfi", 0x400))
    known = [view.read_register("rbx") for view in views]
    assert known == [(0x10).to_bytes(8, "little"), (0x11).to_bytes(8, "little"), None, None]
    assert views[1].read_register("rdi") is None  # no call keeps it
    assert [view.cfa for view in views] == [0x200, None, None, None]
    assert views[0].caller is views[1]
    assert views[1].caller is None


def test_the_caller_of_a_call_that_led_nowhere_is_no_guess():
    rows = (("context", 0x100), ("scan", 0x108), ("cfi", 0x200))
    views = views_of(*rows, inner=None)
    assert [view.is_proven for view in views] == [True, True, True]
    assert views[1].cfa == 0x200
    assert not views_of(*rows)[1].is_proven  # code was there, and may have run
    far = (("context", 0x100), ("scan", 0x110), ("cfi", 0x200))
    assert not views_of(*far, inner=None)[1].is_proven


def test_vectors_are_the_innermost_frame_s_alone():
    views = views_of(("context", 0x100), ("cfi", 0x200), vectors={"xmm0": bytes(16)})
    assert [view.read_register("xmm0") for view in views] == [bytes(16), None]


def test_vectors_are_whole_in_the_innermost_frame_and_as_far_as_calls_keep_them_in_others():
    steps = [StackFrame({"v8": 5}, "context"), StackFrame({"v8": 5}, "cfi")]
    frames = [Frame(0x4000FF, step.trust, GAME, "draw", resume=0x400100) for step in steps]
    whole = (5).to_bytes(8, "little") + b"\1" * 8

    views = make_views(steps, frames, ARM64, lambda *_: None, {"v8": whole})

    assert [view.read_register("v8") for view in views] == [whole, whole[:8]]


def test_no_frame_is_joined_over_those_that_were_left_out():
    views = views_of(("context", 0x100), ("cfi", 0x200), ("cfi", 0x300), gap=1)
    assert views[0].caller is None
    assert views[0].cfa is None
    assert views[1].caller is views[2]
