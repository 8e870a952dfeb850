"""No fault of the machine changes an answer: each thing that a call does fails once."""

import errno
import json
import sys
from pathlib import Path

import pytest

from crashtool.errors import INPUT_UNUSABLE, MACHINE
from crashtool.formats.crashpad.metadata import Metadata
from tests.faults.cases import CASES, serve_symbols
from tests.faults.injection import Case, Servers, inject, run_case
from tests.faults.steps import Fault, Step, leave_out_alike, one_of_each_kind
from tests.synth.database import NOW, GenericDatabase
from tests.synth.minidump import full_dump

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not Path("/dev/full").exists(), reason="forks, and needs /dev/full"
)
TOKEN = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What stands in the cases for a server's URL -> that URL."""
    pytest.importorskip("starlette")
    from crashtool.services.receiver.app import start_receiver

    symbols = serve_symbols()
    with start_receiver(tmp_path_factory.mktemp("inbox"), token=TOKEN) as started:
        yield {"URL": started.submission_url(), "SYMBOLS": symbols.url}
    symbols.close()


def assert_unchanged(case, folder, servers: Servers, places, choose):
    arguments = case.arguments
    for name, url in places.items():
        arguments = tuple(part.replace(name, url) for part in arguments)
    verdicts = list(
        inject(case._replace(arguments=arguments), folder, servers, leave_out_alike, choose)
    )
    changed = [str(verdict) for verdict in verdicts if verdict.changed]
    missed = [str(verdict.fault) for verdict in verdicts if not verdict.happened]
    print(
        f"\n{case.name}: {len(verdicts) - len(missed)} faults injected, "
        f"{len(changed)} answers changed; {len(missed)} steps not come to {missed}"
    )
    assert verdicts
    assert not changed, "\n".join(changed)
    assert len(missed) <= len(verdicts) // 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_of_each_kind_changes_no_answer(case, tmp_path, cold_forks, forks, places):
    assert_unchanged(case, tmp_path / "call", Servers(cold_forks, forks), places, one_of_each_kind)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_fault_of_the_machine_changes_an_answer(case, tmp_path, cold_forks, forks, places):
    assert_unchanged(case, tmp_path / "call", Servers(cold_forks, forks), places, list)


def test_a_report_whose_metadata_cannot_be_read_is_not_sent_once_more(tmp_path, forks, places):
    def prepare(folder: Path) -> None:
        sent = Metadata(NOW, uploaded=True, id=b"known", upload_attempts=1)
        GenericDatabase(folder / "inputs").add(1, "completed", sent, full_dump().pack())

    fault = Fault(Step("", "open", "inputs/completed", 1), errno.EIO)
    case = Case("", ("send-dump", "--json", "--url", places["URL"], "inputs"), prepare)
    result = run_case(case, tmp_path / "call", forks, fault)
    (receipt,) = json.loads(result.stdout)["receipts"]
    assert result.happened
    assert result.returncode == INPUT_UNUSABLE
    assert receipt["tries"] == 0
    assert "cannot be read (Input/output error)" in receipt["error"]["message"]


def test_an_upload_of_which_nothing_can_be_read_has_not_failed(tmp_path, forks):
    smoke = next(case for case in CASES if case.name == "smoke")
    fault = Fault(Step("", "open", "database/completed", 1), errno.EIO)
    result = run_case(smoke, tmp_path / "call", forks, fault)
    assert result.happened
    assert result.returncode == MACHINE
    assert "says of the upload: Input/output error" in result.stderr
