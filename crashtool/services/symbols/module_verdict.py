"""From what look-ups in a module's files gave to a verdict: is it enough, and if not, what is?"""

from typing import TYPE_CHECKING

from crashtool.formats.object_file import kinds
from crashtool.model.lookup import Candidate, SymbolStatus, SymbolUse, SymbolVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashtool.model.crash import Module

PDB_SUFFIX = ".pdb"
UNWIND_IN_IMAGE = ("x86_64", "arm64")  # where Windows keeps unwind data in the image, not the PDB


class Evidence:
    """What the frames of a stack that lie in one module came out as."""

    def __init__(self, found: frozenset[str], *, has_code: bool) -> None:
        """`found`: the kinds of the files that were opened; counts are of frames."""
        self.kinds = found
        self.has_code = has_code
        self.named = 0
        self.lined = 0
        self.inlined = 0
        self.unwound = 0
        self.guessed = 0

    def uses(self) -> tuple[SymbolUse, ...]:
        """What could be looked up at least once."""
        answers: tuple[tuple[SymbolUse, bool], ...] = (
            ("functions", bool(self.named)),
            ("lines", bool(self.lined)),
            ("inlines", bool(self.inlined)),
            ("unwind", bool(self.unwound)),
            ("code", self.has_code),
        )
        return tuple(use for use, answer in answers if answer)


def judge(
    module: "Module",
    architecture: str,
    evidence: Evidence,
    candidates: tuple[Candidate, ...],
    problems: "Sequence[str]" = (),
) -> SymbolVerdict:
    """The verdict; by what was found in the files, not by what they are or promise."""
    status, note, fix = _judge(module, architecture, evidence, candidates)
    if problems and status != "ok":
        note = f"{note}; {problems[0]}" if note else problems[0]
    return SymbolVerdict(module, status, evidence.uses(), note, fix, candidates)


def _judge(
    module: "Module", architecture: str, evidence: Evidence, candidates: tuple[Candidate, ...]
) -> tuple[SymbolStatus, str, str]:
    if not evidence.kinds:
        return _judge_absence(module, candidates)
    if not evidence.named:
        return _judge_nameless(module, evidence, candidates)
    if not evidence.lined:
        note = "function names, but no source lines"
        return "no_lines", note, _fix_lines(evidence)
    if not evidence.unwound and evidence.guessed:
        note, fix = _words_of_unwind(module, architecture, evidence)
        if other_build := _find_other_build(module, candidates):
            note = f"{note}; {other_build[1]}"
        return "no_unwind", note, fix
    return "ok", "", ""


def _judge_nameless(
    module: "Module", evidence: Evidence, candidates: tuple[Candidate, ...]
) -> tuple[SymbolStatus, str, str]:
    if other_build := _find_other_build(module, candidates):
        return other_build
    if kinds.PE in evidence.kinds and (module.debug_file or "").lower().endswith(PDB_SUFFIX):
        note = f"{module.name} alone has no function names: they are in its PDB"
        return "missing", note, f"give its PDB, {_wanted(module)}, as well"
    note = "the file that matches has no function at these places: it is stripped"
    return "stripped", note, "give the file as it was before strip, or its .debug file"


def _find_other_build(
    module: "Module", candidates: tuple[Candidate, ...]
) -> tuple[SymbolStatus, str, str] | None:
    for found in candidates:
        if found.status == "mismatch":
            note = f"{found.place} is of another build: {found.note}"
            fix = f"give the {_wanted(module)} that was built with this {module.name}"
            return "mismatch", note, fix
    return None


def _judge_absence(
    module: "Module", candidates: tuple[Candidate, ...]
) -> tuple[SymbolStatus, str, str]:
    wanted = _wanted(module)
    if module.debug_id is None and not module.code_id:
        note = "the dump has no identifier of it, so no file can be matched"
        return "no_id", note, "link it with an identifier: -Wl,--build-id, or /DEBUG on Windows"
    if other_build := _find_other_build(module, candidates):
        return other_build
    by_status = {item.status: item for item in reversed(candidates)}
    if found := by_status.get("malformed"):
        return "malformed", f"{found.place}: {found.note}", f"build or fetch {wanted} again"
    for status in ("denied", "timeout", "failed", "unsupported"):
        if found := by_status.get(status):
            return "failed", f"{found.place}: {found.note or status}", f"give {wanted} by --symbols"
    return "missing", "", f"give the folder with {wanted} by --symbols"


def _wanted(module: "Module") -> str:
    name = (module.debug_file or module.name).replace("\\", "/").rpartition("/")[2]
    identifier = module.debug_id.breakpad if module.debug_id else module.code_id
    return f"{name or 'its file'} {identifier}"


def _fix_lines(evidence: Evidence) -> str:
    if kinds.PDB in evidence.kinds:
        return "give the full PDB (/DEBUG:FULL), not the public one (/PDBSTRIPPED, /DEBUG:FASTLINK)"
    return (
        "give its .debug file: compile with -g; for the system's own, "
        "its debug package or DEBUGINFOD_URLS"
    )


def _words_of_unwind(module: "Module", architecture: str, evidence: Evidence) -> tuple[str, str]:
    needs_image = architecture in UNWIND_IN_IMAGE and not evidence.has_code
    if kinds.PDB in evidence.kinds and needs_image:
        note = f"a PDB of {architecture} has no unwind information: it is in {module.name}"
        return note, f"give {module.name} as well"
    if kinds.SYM in evidence.kinds:
        return "the .sym file has no STACK records", "run dump_syms on the program itself as well"
    if kinds.ELF in evidence.kinds and not evidence.has_code:
        return "the debug file has no unwind information", f"give {module.name} itself as well"
    return (
        "no unwind information: callers are found by frame pointers or by scanning",
        "compile with -fasynchronous-unwind-tables",
    )
