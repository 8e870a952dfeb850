"""Looking over debug files before they go anywhere: found, graded, held against what ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crashtool.errors import CheckFailed, CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.symbol_upload import (
    ERROR,
    WARNING,
    Collection,
    Defect,
    GateRow,
    LeftOut,
    Survey,
    SymbolFile,
)
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.defects import find_defects
from crashtool.services.symbol_upload.gate import Gate, Requirements
from crashtool.services.symbol_upload.inventory import Inventory, find_pairs
from crashtool.services.symbol_upload.quality import describe_from_headers, grade_files
from crashtool.services.symbols.advice import DAMAGED_FIX


class SurveyOptions(NamedTuple):
    """What to look at, and how closely.

    `quick` believes headers instead of trying look-ups. `cache` is the folder for what look-ups
    need. `passed_over` are files of our own that the inputs may hold.
    """

    inputs: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    allow_empty: bool = False
    quick: bool = False
    requirements: Requirements = Requirements()
    cache: str = ""
    passed_over: tuple[str, ...] = ()


def inspect_files(
    wishes: SurveyOptions,
    scratch: Scratch,
    say: Callable[[str], None] = lambda _sentence: None,
    warn: Callable[[str], None] = lambda _sentence: None,
) -> Survey:
    """Find the debug files and judge them; unpacked ones live as long as `scratch`.

    `warn` hears what this machine does not let us do.
    """
    search = SymbolFileSearch(
        scratch, exclude=wishes.exclude, types=wishes.types, allow_empty=wishes.allow_empty
    )
    for path in wishes.passed_over:
        search.pass_over(Path(path))
    collection = search.collect(wishes.inputs)
    if wishes.quick:
        files = describe_from_headers(collection.files)
    else:
        files = grade_files(collection.files)
    inventory = Inventory(files)
    collection = _refuse_damaged(collection._replace(files=files))
    defects = find_defects(collection.files)
    gate: tuple[GateRow, ...] = ()
    if wishes.requirements:
        gate = Gate(inventory, scratch, wishes.cache, warn).check(wishes.requirements, say)
    return Survey(collection, defects, find_pairs(inventory), gate)


def _refuse_damaged(collection: Collection) -> Collection:
    """What cannot be read is damaged, and counts as such: it does not go."""
    damaged = {file.path: problem for file in collection.files if (problem := _find_damage(file))}
    hint = f"{DAMAGED_FIX}; --quick sends it unread"
    refused = tuple(LeftOut(path, reason, hint) for path, reason in damaged.items())
    return collection._replace(
        files=tuple(file for file in collection.files if file.path not in damaged),
        refused=collection.refused + refused,
    )


def _find_damage(file: SymbolFile) -> str:
    return next((quality.problem for quality in file.qualities if quality.problem), "")


def settle_severity(survey: Survey, *, strict: bool, severe: bool, lenient: bool) -> Survey:
    """The survey with defects that are errors where the exit status says so, else warnings.

    With `strict` all are, with `severe` those that make a file useless; without them these are,
    too, when no file of the call is of use, unless `lenient`, or the gate says that some are.
    """
    useless = {defect.path for defect in survey.defects if defect.severity == ERROR}
    all_useless = useless.issuperset(file.path for file in survey.collection.files)
    serves = any(row.status == "ok" for row in survey.gate)
    counts = severe or (all_useless and not lenient and not serves)

    def settle(defect: Defect) -> Defect:
        is_error = strict or (counts and defect.severity == ERROR)
        return defect._replace(severity=ERROR if is_error else WARNING)

    return survey._replace(defects=tuple(map(settle, survey.defects)))


def check_survey(survey: Survey, *, judging: bool = False) -> CrashtoolError | None:
    """Why the files must not go: the gate's verdict, or defects that are errors.

    CheckFailed, or None. What this machine could not read is no verdict on the files: it is that
    fault where the gate needs them, or, with `judging`, where a verdict is all that was asked for.
    """
    is_needed = judging or any(row.status == "not_read" for row in survey.gate)
    if survey.fault and is_needed:
        return survey.fault
    bad = [row for row in survey.gate if not row.is_good]
    if bad:
        required = [row for row in survey.gate if row.status != "not_required"]
        return CheckFailed(
            f"{len(bad)} of {len(required)} modules cannot be symbolicated with these files: "
            + ", ".join(dict.fromkeys(row.name for row in bad)),
            hint=bad[0].fix or None,
        )
    counted = [defect for defect in survey.defects if defect.severity == ERROR]
    if not counted:
        return None
    paths = dict.fromkeys(defect.path for defect in counted)
    what = "file has a defect" if len(paths) == 1 else "files have defects"
    rules = ", ".join(dict.fromkeys(defect.rule for defect in counted))
    return CheckFailed(f"{len(paths)} {what}: {rules}", hint=counted[0].fix or None)
