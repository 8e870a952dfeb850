"""No fault of the machine changes an answer: each thing that a call does fails once."""

import sys
from pathlib import Path

import pytest

from tests.faults.cases import CASES, serve_symbols
from tests.faults.injection import Servers, inject
from tests.faults.steps import leave_out_alike, one_of_each_kind

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


def inject_all(case, folder, servers: Servers, places, choose):
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
    inject_all(case, tmp_path / "call", Servers(cold_forks, forks), places, one_of_each_kind)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_fault_of_the_machine_changes_an_answer(case, tmp_path, cold_forks, forks, places):
    inject_all(case, tmp_path / "call", Servers(cold_forks, forks), places, list)
