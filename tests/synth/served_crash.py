"""A crash in /bin/app, and the .sym file that a symbol server would have for it."""

from crashtool.formats.identifiers import BuildId
from tests.synth.minidump import MinidumpBuilder
from tests.synth.object_files import BUILD_ID, build_sym

ELF_ID = BuildId(BUILD_ID)
BREAKPAD_ID = ELF_ID.debug_id.breakpad
BASE = 0x400000
SYM_PATH = f"app/{BREAKPAD_ID}/app.sym"
LINES = ["FILE 0 app.c", "FUNC 1000 20 0 crash_here", "1000 20 42 0"]
SYM = build_sym(BREAKPAD_ID, lines=LINES)


def write_crash(path, *modules):
    """Write the dump, with further modules of (path, address, build id), and give its path."""
    registers = {"rip": BASE + 0x1004, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_misc(5)
    builder.add_module("/bin/app", BASE, 0x10000, build_id=BUILD_ID)
    for name, address, build_id in modules:
        builder.add_module(name, address, 0x10000, build_id=build_id)
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())
    return path
