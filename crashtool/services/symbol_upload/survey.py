"""Looking over debug files before they go anywhere: found, graded, held against what ships."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from crashtool.errors import CheckFailed, CrashtoolError
from crashtool.model.symbol_upload import ERROR, GateRow, Survey
from crashtool.services.symbol_upload.collect import Search
from crashtool.services.symbol_upload.defects import find_defects
from crashtool.services.symbol_upload.gate import Gate, Requirements
from crashtool.services.symbol_upload.inventory import Inventory, find_pairs
from crashtool.services.symbol_upload.quality import grade_files, promise_files
from crashtool.services.symbols.cache import DEFAULT_LIMIT, SymbolCache
from crashtool.services.symbols.scratch import Scratch


class SurveyWishes(NamedTuple):
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


def make_survey(
    wishes: SurveyWishes, scratch: Scratch, say: Callable[[str], None] = lambda _sentence: None
) -> Survey:
    """Find the debug files and judge them; unpacked ones live as long as `scratch`."""
    search = Search(
        scratch, exclude=wishes.exclude, types=wishes.types, allow_empty=wishes.allow_empty
    )
    for path in wishes.passed_over:
        search.pass_over(Path(path))
    collection = search.collect(wishes.inputs)
    if wishes.quick:
        files = promise_files(collection.files)
    else:
        cache = SymbolCache(wishes.cache, DEFAULT_LIMIT, scratch.folder)
        files = grade_files(collection.files, cache)
    collection = collection._replace(files=files)
    defects = find_defects(files)
    inventory = Inventory(files)
    gate: tuple[GateRow, ...] = ()
    if wishes.requirements:
        gate = Gate(inventory, scratch, wishes.cache).check(wishes.requirements, say)
    return Survey(collection, defects, find_pairs(inventory), gate)


def find_objection(survey: Survey, *, strict: bool, severe: bool = False) -> CrashtoolError | None:
    """Why the files must not go: the gate's verdict; defects, if `strict`, or errors, if `severe`.

    CheckFailed, or None.
    """
    bad = [row for row in survey.gate if not row.is_good]
    if bad:
        required = [row for row in survey.gate if row.status != "not_required"]
        return CheckFailed(
            f"{len(bad)} of {len(required)} modules cannot be symbolicated with these files: "
            + ", ".join(dict.fromkeys(row.name for row in bad)),
            hint=bad[0].fix or None,
        )
    counted = [row for row in survey.defects if strict or (severe and row.severity == ERROR)]
    if not counted:
        return None
    paths = dict.fromkeys(row.path for row in counted)
    what = "file has a defect" if len(paths) == 1 else "files have defects"
    return CheckFailed(f"{len(paths)} {what}: {', '.join(dict.fromkeys(r.rule for r in counted))}")
