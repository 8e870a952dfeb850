"""What `scaffold cpp` writes is what doctor asks for; a mismatch in it is told."""

import pytest

from crashtool.formats.crashpad.client.releases import RELEASES
from crashtool.model.doctor import PASS
from tests.services.integration.doctor.folders import bad, examine, failures, find_finding
from tests.services.integration.doctor.projects import backtrace_zip, write_game

RELEASE = "Release|x64"
SHEET = r"crash_reporting\CrashReporting.props"


@pytest.mark.parametrize("fork", RELEASES)
def test_its_source_has_no_fault(crashtool, tmp_path, fork):
    done = crashtool(
        "scaffold", "cpp", "--crashpad", fork, "--annotation", "prod=Game", "--into", tmp_path
    )

    assert done.exit_code == 0, done.output
    diagnosis = examine(tmp_path / "crash_reporting")
    assert bad(diagnosis) == set()
    assert find_finding(diagnosis, "source.start", PASS).file.endswith("crash_reporting.cpp")


@pytest.mark.parametrize(
    ("settings", "properties", "is_bad"),
    [
        ({}, "", False),
        ({}, "<CrashpadRuntime>MT</CrashpadRuntime>", False),
        ({"RuntimeLibrary": "MultiThreaded"}, "", True),
        ({"RuntimeLibrary": "MultiThreadedDLL"}, "<CrashpadRuntime>MT</CrashpadRuntime>", True),
    ],
)
def test_its_property_sheet_is_understood(crashtool, tmp_path, settings, properties, is_bad):
    crashpad = backtrace_zip(tmp_path / "crashpad")
    game = tmp_path / "game"
    linker = {
        "GenerateDebugInformation": "true",
        "OptimizeReferences": "true",
        "EnableCOMDATFolding": "true",
    }
    project = write_game(game, {RELEASE: {"ClCompile": settings, "Link": linker}}, sheets=(SHEET,))
    before = '<ImportGroup Label="PropertySheets">'
    text = project.read_text("utf-8")
    assert before in text
    group = f"<PropertyGroup>{properties}</PropertyGroup>"
    project.write_text(text.replace(before, group + before), "utf-8")
    done = crashtool(
        "scaffold",
        "cpp",
        "--crashpad-dir",
        crashpad,
        "--platform",
        "windows",
        "--annotation",
        "prod=Game",
        "--into",
        game,
    )
    assert done.exit_code == 0, done.output

    diagnosis = examine(game)

    assert failures(diagnosis) == ({"link.crt"} if is_bad else set())
    passed = {row.check for row in diagnosis.findings if row.verdict == PASS}
    assert passed >= {"link.include", "link.nominmax", "link.libraries", "link.pdb"}
