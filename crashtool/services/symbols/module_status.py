"""From what look-ups in a module's files gave to a verdict: is it enough, and if not, what is?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from crashtool.formats import object_kinds
from crashtool.formats.foreign_paths import base_name
from crashtool.model.symbol_lookup import Candidate, ModuleStatus, SymbolStatus, SymbolUse
from crashtool.services.symbols.advice import (
    DUMP_FIX,
    ID_FIX,
    LINED,
    NOTHING,
    UNSTRIPPED,
    UNWIND_COMPILE,
    Advice,
    advise,
    advise_of,
    ask,
    give,
    owner_of,
    say,
)
from crashtool.services.symbols.coverage import UNWIND_IN_IMAGE, Coverage, assess
from crashtool.services.symbols.owners import MICROSOFT

if TYPE_CHECKING:
    from crashtool.model.module import Module

PDB_SUFFIX = ".pdb"

Assessment: TypeAlias = tuple[SymbolStatus, str, Advice]


class FrameCoverage:
    """What the frames of a stack that lie in one module came out as."""

    def __init__(self, kinds: frozenset[str], *, has_code: bool) -> None:
        """`kinds`: the kinds of the files that were opened; counts are of frames."""
        self.kinds = kinds
        self.has_code = has_code
        self.named = 0
        self.lined = 0
        self.inlined = 0
        self.unwound = 0
        self.guessed = 0
        self.absent = ""  # which file that goes with them is not at hand

    def coverage(self, module: Module) -> Coverage:
        """What of the module these frames show to be there."""
        return Coverage(
            has_id=module.debug_id is not None or bool(module.code_id),
            has_files=bool(self.kinds),
            has_names=bool(self.named),
            has_lines=bool(self.named and self.lined),
            is_unwound=bool(self.unwound or not self.guessed),
        )

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


def assess_module(
    module: Module,
    architecture: str,
    evidence: FrameCoverage,
    candidates: tuple[Candidate, ...],
    problems: Sequence[str] = (),
) -> ModuleStatus:
    """The verdict; by what was found in the files, not by what they are or promise."""
    status, note, advice = _assess(module, architecture, evidence, candidates)
    if problems and status != "ok":
        note = f"{note}; {problems[0]}" if note else problems[0]
    return ModuleStatus(
        module, status, evidence.uses(), note, advice.fix, candidates, advice.upload
    )


def _assess(
    module: Module, architecture: str, evidence: FrameCoverage, candidates: tuple[Candidate, ...]
) -> Assessment:
    gap = assess(evidence.coverage(module))
    if gap == "no_id":
        return _assess_unidentified(module)
    if gap == "missing":
        return _assess_absence(module, candidates)
    if gap == "stripped":
        return _assess_nameless(module, evidence, candidates)
    if gap == "no_lines":
        return _assess_lineless(module, evidence, candidates)
    if gap == "no_unwind":
        note, advice = _format_unwind(module, architecture, evidence)
        if other_build := _find_other_build(module, candidates):
            note = f"{note}; {other_build[1]}"
        return "no_unwind", note, advice
    return "ok", evidence.absent, NOTHING


def _assess_nameless(
    module: Module, evidence: FrameCoverage, candidates: tuple[Candidate, ...]
) -> Assessment:
    if other_build := _find_other_build(module, candidates):
        return other_build
    if object_kinds.PE in evidence.kinds and (module.debug_file or "").lower().endswith(PDB_SUFFIX):
        note = f"{module.name} alone has no function names: they are in its PDB"
        return "missing", note, advise(module, f"its PDB, {_wanted(module)}", candidates)
    note = evidence.absent or (
        "the file that matches has no function at these places: it is stripped"
    )
    return "stripped", note, advise(module, UNSTRIPPED, candidates)


def _assess_lineless(
    module: Module, evidence: FrameCoverage, candidates: tuple[Candidate, ...]
) -> Assessment:
    owner = owner_of(module, candidates)
    if object_kinds.PDB in evidence.kinds:
        if owner == MICROSOFT:
            return "no_lines", "Microsoft's public symbols have no source lines", NOTHING
        full = "the full PDB: /DEBUG:FULL makes it, /PDBSTRIPPED and /DEBUG:FASTLINK do not"
        return "no_lines", "function names, but no source lines", give(full)
    note = "function names, but no source lines"
    if owner is not None:
        return "no_lines", note, advise(module, "its .debug file", candidates)
    family = object_kinds.MACHO if object_kinds.MACHO in evidence.kinds else object_kinds.ELF
    return "no_lines", note, give(LINED[family])


def _find_other_build(module: Module, candidates: tuple[Candidate, ...]) -> Assessment | None:
    for candidate in candidates:
        if candidate.status == "mismatch":
            note = f"{candidate.place} is of another build: {candidate.note}"
            return "mismatch", note, give(f"the {_wanted(module)} built with this {module.name}")
    return None


def _assess_unidentified(module: Module) -> Assessment:
    note = "the dump has no identifier of it, so no file can be matched"
    family = object_kinds.PE if "\\" in module.code_file else object_kinds.ELF
    fix = Advice(
        f"--symbols {module.name}=FILE gives its file all the same; {ID_FIX[family]}",
        ID_FIX[family],
    )
    return "no_id", note, fix


def _assess_absence(module: Module, candidates: tuple[Candidate, ...]) -> Assessment:
    wanted = _wanted(module)
    if other_build := _find_other_build(module, candidates):
        return other_build
    by_status = {item.status: item for item in reversed(candidates)}
    if candidate := by_status.get("malformed"):
        again = f"build or fetch {wanted} again"
        return "malformed", f"{candidate.place}: {candidate.note}", say(again)
    for status in ("denied", "timeout", "failed", "unsupported"):
        if candidate := by_status.get(status):
            return "failed", f"{candidate.place}: {candidate.note or status}", give(wanted)
    owner = owner_of(module, candidates)
    if owner is None or owner.server:
        return "missing", "", advise_of(owner, wanted, candidates)
    return "missing", f"{owner.name}'s own: no public server has symbols of it", NOTHING


def _wanted(module: Module) -> str:
    name = base_name(module.debug_file or module.name)
    identifier = module.debug_id.breakpad if module.debug_id else module.code_id
    return f"{name or 'its file'} {identifier}"


def _format_unwind(
    module: Module, architecture: str, evidence: FrameCoverage
) -> tuple[str, Advice]:
    needs_image = architecture in UNWIND_IN_IMAGE and not evidence.has_code
    if object_kinds.PDB in evidence.kinds and needs_image:
        note = f"a PDB of {architecture} has no unwind information: it is in {module.name}"
        owner = owner_of(module, ())
        return note, ask(owner) if owner and owner.server else give(f"{module.name} as well")
    if object_kinds.SYM in evidence.kinds:
        note = "the .sym file has no STACK records"
        return note, say(DUMP_FIX)
    if object_kinds.ELF in evidence.kinds and not evidence.has_code:
        return "the debug file has no unwind information", give(f"{module.name} itself as well")
    return (
        "no unwind information: callers are found by frame pointers or by scanning",
        say(UNWIND_COMPILE),
    )
