import pytest

from crashtool.model.crash import Frame, Module, UnloadedHit
from crashtool.model.signature import get_signature, is_carrier, name_frame

GAME = Module(0x400000, 0x1000, "game.exe", "C:\\game.exe")


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


def test_functions_that_only_carry_a_crash_are_passed_over():
    frames = [
        Frame(1, "context", function="raise"),
        Frame(2, "cfi", function="abort"),
        Frame(3, "cfi", function="Game::check(int)"),
    ]
    assert get_signature(frames) == "Game::check(int)"
    assert is_carrier("abort(void)")


def test_when_all_frames_are_carriers_the_first_counts():
    assert get_signature([Frame(1, "context", function="abort")]) == "abort"


def test_without_frames_there_is_no_signature():
    assert get_signature([]) == ""
