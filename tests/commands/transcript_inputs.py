"""The files that the transcripts speak of, made afresh in the folder of each."""

from uuid import UUID

from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)
from tests.services.integration.doctor.folders import (
    SENTRY_TEXT,
    elf_program,
    handler_texts,
    write_program,
)
from tests.synth.minidump import MinidumpBuilder, full_dump, rsds
from tests.synth.symbol_file import build_symbol_file, file, func, line

REPORT_ID = UUID("6f1c6f8e-6b0a-4c0b-9d57-0b3b1c6a9f10")
CLIENT_ID = UUID("91aa1f5e-2f60-4b7e-8a5c-54f1d2b6c001")


def make_inputs(folder):
    """Minidumps, notes.txt, game.log, a folder build/, and what `make_installations` makes."""
    (folder / "game.dmp").write_bytes(windows_crash().pack())
    (folder / "snapshot.dmp").write_bytes(linux_snapshot().pack())
    everything = full_dump().pack()
    (folder / "everything.dmp").write_bytes(everything)
    (folder / "cut.dmp").write_bytes(everything[: len(everything) // 2])
    (folder / "notes.txt").write_text("not a minidump\n", encoding="utf-8")
    (folder / "game.log").write_text("level 3 loaded\n", encoding="utf-8")
    (folder / "build").mkdir()
    (folder / "build" / "game.sym").write_bytes(game_symbols())
    (folder / "build" / "README").write_text("no debug file\n", encoding="utf-8")
    make_installations(folder)


def game_symbols():
    """A .sym file with everything that a stack shows."""
    return build_symbol_file(
        file(0, "game.cpp"),
        func(0x1000, 0x40, "Game::run()", line(0x1000, 0x40, 12)),
        "STACK CFI INIT 1000 40 .cfa: $rsp 8 + .ra: .cfa 8 - ^",
        module="MODULE Linux x86_64 0403020106050807090A0B0C0D0E0F100 game",
    )


def windows_crash():
    """An access violation of a game under Crashpad, with annotations of every kind."""
    module = ModuleAnnotations(
        0,
        ("loading level 3",),
        (("channel", "beta"), ("ver", "9.9")),
        (AnnotationObject("gpu", 1, b"Radeon"), AnnotationObject("blob", 0x8001, b"\1\2\3")),
    )
    pairs = (("prod", "Game"), ("ver", "1.4.2"))
    registers = {"rip": 0x140041F2A, "rsp": 0x9FF000, "rcx": 0x45}
    return (
        MinidumpBuilder(timestamp=1_764_000_000)
        .add_system("windows", "x86_64", major=10, build=19045)
        .add_misc(5, process_id=4242, process_create_time=1_763_999_808)
        .add_thread(7, name="RenderThread", registers=registers, stack=(0x9FF000, bytes(64)))
        .add_thread(8, name="Audio", registers={"rip": 0x180001000, "rsp": 0xAFF000})
        .add_module(
            "C:\\Games\\game.exe",
            0x140000000,
            0x80000,
            timestamp=0x65000000,
            version=(1, 4, 2, 0),
            codeview=rsds(bytes(range(16)), name=b"C:\\build\\game.pdb"),
        )
        .add_module("C:\\Windows\\System32\\ntdll.dll", 0x180000000, 0x10000, timestamp=0x66000000)
        .set_exception(7, 0xC0000005, 0x140041F2A, parameters=(1, 0x45), registers=registers)
        .set_crashpad(CrashpadInfo(1, REPORT_ID, CLIENT_ID, pairs, (module,), 0))
    )


def linux_snapshot():
    """A dump without an exception, with a name that attacks the terminal."""
    info = CrashpadInfo(1, REPORT_ID, CLIENT_ID, (("note", "\x1b]0;owned\x07 plain"),), (), 0)
    return (
        MinidumpBuilder(timestamp=1_764_000_000)
        .add_system("linux", "x86_64", major=6, build=0, csd="6.1.0 x86_64")
        .add_thread(9, registers={"rip": 0x401000, "rsp": 0x7000}, stack=(0x7000, bytes(64)))
        .add_module("/srv/game/game", 0x400000, 0x2000, build_id=bytes(range(20)))
        .set_crashpad(info)
    )


def make_installations(folder):
    """Folders of a game as installers leave them: good/, bad/ and old/, and an image root/."""
    program = elf_program(SENTRY_TEXT, "crashpad_handler")
    handler = elf_program(client=False) + handler_texts(b"report-id", b"no-rate-limit")
    for name in ("good", "bad", "old"):
        write_program(folder / name / "game", program)
    write_program(folder / "good" / "crashpad_handler", handler)
    (folder / "old" / "crashpad_handler").write_text("see ../new\n", encoding="utf-8")
    bad = elf_program("daPC", "/home/jo/game/crashpad_handler", anchor=False, build_id=None)
    write_program(folder / "bad" / "game", bad)
    (folder / "root").mkdir()
