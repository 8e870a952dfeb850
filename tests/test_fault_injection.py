"""No fault of the machine changes an answer: each thing that a call does fails once."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.fault_injection import Case, inject
from tests.synth.database import write_settings
from tests.synth.minidump import full_dump

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not Path("/dev/full").exists(), reason="forks, and needs /dev/full"
)
UUID = "01234567-89ab-4def-8000-000000000001"
TOKEN = "0123456789abcdef" * 4
FEW = 14  # faults of a call in the default suite; `make slow` makes all


def settle_document(result, folder):
    """The answer without what is another in each call."""
    text = re.sub(r'("rxid"|"sent"|"seconds"|"time"): [^,\n]*', r"\1", result.stdout)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    return result.status, text.replace(str(folder), "")


def settle_run(result, folder):
    """That the program ran to its end, and that its crash was reported, if it could be."""
    return result.status, "SIGSEGV" in result.stderr


def game(folder):
    source = SHARED / "findings/inputs/game"
    if not source.exists():
        pytest.skip("needs findings/inputs/game")
    (folder / "inputs").mkdir()
    for name in ("game", "libengine.so", "null.dmp"):
        shutil.copy(source / name, folder / "inputs" / name)


def packed(folder):
    game(folder)
    shutil.make_archive(str(folder / "inputs/symbols"), "zip", folder / "inputs", "libengine.so")
    (folder / "inputs/libengine.so").unlink()


def database(folder):
    root = folder / "inputs"
    for name in ("new", "pending", "completed"):
        (root / name).mkdir(parents=True)
    write_settings(root)
    (root / f"pending/{UUID}.dmp").write_bytes(full_dump().pack())
    (root / f"pending/{UUID}.meta").write_bytes(bytes(32))


def empty(folder):
    (folder / "inputs").mkdir()


OWN = ("inputs", "pending", "completed", "null.dmp", "game", "libengine.so", "symbols.zip",
       "settings.dat")  # fmt: skip
LOCAL = ("--no-local-symbols",)
CASES = [
    Case("inspect", ("inspect", *LOCAL, "--symbols", "inputs", "inputs/null.dmp"), game, OWN),
    Case("inspect-zip", ("inspect", *LOCAL, "--symbols", "inputs/symbols.zip", "inputs/null.dmp"),
         packed, OWN),
    Case("inspect-html", ("inspect", "--html", "page.html", "inputs/null.dmp"), game,
         (*OWN, "page.html")),
    Case("annotate", ("annotate", "a=b", "--into", "inputs/null.dmp", "--output", "out.dmp"), game,
         (*OWN, "out.dmp")),
    Case("check", ("symbols", "check", "inputs"), game, OWN),
    Case("gate", ("upload-symbols", "-n", "--require-for", "inputs/game", "--for-dump",
                  "inputs/null.dmp", "inputs"), game, OWN),
    Case("run", ("run", "--report", "crash.txt", "--", "sh", "-c", "kill -SEGV $$"), empty,
         ("crash.txt",), settle_run),
    Case("send", ("send-dump", "--json", "--again", "--url", "URL", "inputs"), database, OWN,
         settle_document),
    Case("list", ("database", "list", "inputs"), database, OWN, settle_document),
    Case("show", ("database", "show", "inputs", UUID), database, OWN, settle_document),
]  # fmt: skip


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    pytest.importorskip("starlette")
    from crashtool.services.receiver.app import start_receiver

    with start_receiver(tmp_path_factory.mktemp("inbox"), token=TOKEN) as started:
        yield started.submission_url()


def inject_all(case, folder, choose, receiver):
    case = case._replace(arguments=tuple(receiver if part == "URL" else part
                                         for part in case.arguments))  # fmt: skip
    faults = list(inject(case, folder, choose))
    changed = [str(fault) for fault in faults if fault.verdict]
    print(f"\n{case.name}: {len(faults)} faults injected, {len(changed)} answers changed")
    assert faults
    assert not changed, "\n".join(changed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_of_the_machine_changes_no_answer(case, tmp_path, receiver):
    def few(faults):
        return faults[:: 1 + len(faults) // FEW]

    inject_all(case, tmp_path / "call", few, receiver)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_fault_of_the_machine_changes_an_answer(case, tmp_path, receiver):
    inject_all(case, tmp_path / "call", list, receiver)
