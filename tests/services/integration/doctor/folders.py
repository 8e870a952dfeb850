"""Folders as builds and installers leave them, with programs that bear Crashpad's marks."""

from crashtool.formats.crashpad.markers import HANDLER_TEXT, NOTE_OWNER, NOTE_TYPE
from crashtool.formats.object_file import elf, elf_structs
from crashtool.model.doctor import FAILURE, WARNING
from crashtool.services.integration.doctor.checks import CHECKS
from crashtool.services.integration.doctor.diagnose import diagnose
from crashtool.services.integration.doctor.examination import Options
from tests.synth.object_files import build_elf, build_macho, build_pe

CLIENTS = {
    "elf": "crashpad_client_linux.cc",
    "pe": "crashpad_client_win.cc",
    "macho": "crashpad_client_mac.cc",
}
SENTRY_TEXT = "sentry.native"
X86, X86_64, ARM64 = 3, 62, 183
MACHO_X86_64, MACHO_ARM64 = 0x1000007, 0x100000C


def crashpad_note():
    note = elf_structs.Note(name_size=len(NOTE_OWNER), content_size=8, note_type=NOTE_TYPE)
    return note.pack() + NOTE_OWNER.ljust(12, b"\0") + bytes(8)


def join_texts(texts):
    return b"\0" + b"\0".join(text if isinstance(text, bytes) else text.encode() for text in texts)


def elf_program(*texts, client=True, anchor=True, sections=(), **options):
    """A program for Linux with its texts in .rodata."""
    if client:
        texts = (f"../client/{CLIENTS['elf']}", *texts)
    rows = [(".text", 1, 6, b"\x90" * 40), (".rodata", 1, 2, join_texts(texts) + b"\0"), *sections]
    if anchor:
        rows.append((".note.crashpad.info", elf.SECTION_NOTE, 2, crashpad_note()))
    return build_elf(rows, **options)


def pe_program(*texts, client=True, **options):
    names = [f"..\\client\\{CLIENTS['pe']}"] if client else []
    return build_pe(data=join_texts([*names, *texts]) + b"\0", **options)


def macho_program(*texts, client=True, **options):
    names = [f"../client/{CLIENTS['macho']}"] if client else []
    return build_macho(data=join_texts([*names, *texts]) + b"\0", **options)


def handler_texts(*options):
    """What tells a handler, and its family, in its bytes."""
    return join_texts([HANDLER_TEXT, *options]) + b"\0"


def write_program(path, content, mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def examine(*paths, without=("host.",), **options):
    """The diagnosis of all checks but those of this machine."""
    checks = [check for check in CHECKS if not check.name.startswith(without)]
    options = Options(**({"may_start": True} | options))
    return diagnose([str(path) for path in paths], options, checks)


def failures(diagnosis):
    return {finding.check for finding in diagnosis.findings if finding.verdict == FAILURE}


def warnings(diagnosis):
    return {finding.check for finding in diagnosis.findings if finding.verdict == WARNING}


def bad(diagnosis):
    return failures(diagnosis) | warnings(diagnosis)


def find_finding(diagnosis, check, verdict=FAILURE):
    (found,) = (
        finding
        for finding in diagnosis.findings
        if (finding.check, finding.verdict) == (check, verdict)
    )
    return found
