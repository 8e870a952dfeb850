"""link.dsym and link.handler: Xcode projects with planted faults, as Xcode and CMake write them."""

import pytest

from crashtool.errors import MalformedFile
from crashtool.formats.xcode_project import parse_project
from crashtool.model.doctor import PASS, SKIP
from tests.services.integration.doctor.folders import bad, examine, failures, find_finding, warnings
from tests.services.integration.doctor.projects import write

PROJECT = """// !$*UTF8*$!
{
	archiveVersion = 1;
	objects = {
		A1 /* crashpad_handler in CopyFiles */ = {isa = PBXBuildFile; fileRef = A2; settings = {ATTRIBUTES = (CodeSignOnCopy, ); }; };
		A2 /* crashpad_handler */ = {isa = PBXFileReference; lastKnownFileType = "compiled.mach-o.executable"; path = "../crashpad/crashpad_handler"; sourceTree = "<group>"; };
		A3 = {isa = PBXCopyFilesBuildPhase; dstPath = ""; dstSubfolderSpec = @PLACE@; files = ( @FILE@ ); };
		A4 /* Game */ = {isa = PBXNativeTarget; name = "My Game"; productType = "com.apple.product-type.application"; buildConfigurationList = C1; buildPhases = (A3, ); };
		A5 = {isa = PBXProject; buildConfigurationList = C2; };
		C1 = {isa = XCConfigurationList; buildConfigurations = (D1, D2, ); };
		C2 = {isa = XCConfigurationList; buildConfigurations = (E1, E2, ); };
		D1 = {isa = XCBuildConfiguration; name = Debug; buildSettings = { OTHER_LDFLAGS = ("-lcrashpad_client", "-framework", Security); }; };
		D2 = {isa = XCBuildConfiguration; name = Release; buildSettings = { @TARGET@ }; };
		E1 = {isa = XCBuildConfiguration; name = Debug; buildSettings = { DEBUG_INFORMATION_FORMAT = dwarf; }; };
		E2 = {isa = XCBuildConfiguration; name = Release; @XCCONFIG@ buildSettings = { @SHARED@ }; };
	};
	rootObject = A5;
}
"""  # noqa: E501 (as Xcode writes it)
SOUND = {
    "PLACE": "6",
    "FILE": "A1,",
    "TARGET": "",
    "XCCONFIG": "",
    "SHARED": 'DEBUG_INFORMATION_FORMAT = "dwarf-with-dsym";',
}


@pytest.fixture
def look(tmp_path):
    """look(NAME=text) -> the diagnosis of a project with these changes."""

    def change(**changes):
        text = PROJECT
        for name, value in {**SOUND, **changes}.items():
            text = text.replace(f"@{name}@", value)
        write(tmp_path / "Game.xcodeproj" / "project.pbxproj", text)
        return examine(tmp_path / "Game.xcodeproj")

    return change


def test_a_sound_project_passes(look):
    diagnosis = look()
    assert bad(diagnosis) == set()
    assert find_finding(diagnosis, "link.dsym", PASS)
    assert find_finding(diagnosis, "link.handler", PASS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SHARED": "DEBUG_INFORMATION_FORMAT = dwarf;"}, "makes no dSYM"),
        ({"TARGET": "DEBUG_INFORMATION_FORMAT = dwarf;"}, "makes no dSYM"),
        ({"TARGET": "GCC_GENERATE_DEBUGGING_SYMBOLS = NO;"}, "without debug information"),
    ],
)
def test_a_release_without_a_dsym_fails(look, changes, words):
    diagnosis = look(**changes)
    assert bad(diagnosis) == {"link.dsym"}
    assert failures(diagnosis) == {"link.dsym"}
    finding = find_finding(diagnosis, "link.dsym")
    assert finding.cause.startswith("My Game Release")
    assert words in finding.cause


def test_the_target_has_the_last_word(look):
    target = 'DEBUG_INFORMATION_FORMAT = "dwarf-with-dsym";'
    assert bad(look(SHARED="DEBUG_INFORMATION_FORMAT = dwarf;", TARGET=target)) == set()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SHARED": ""}, "Xcode's default"),
        ({"SHARED": "", "XCCONFIG": "baseConfigurationReference = A9;"}, ".xcconfig"),
    ],
)
def test_what_the_project_does_not_say_is_not_judged(look, changes, words):
    diagnosis = look(**changes)
    assert bad(diagnosis) == set()
    assert words in find_finding(diagnosis, "link.dsym", SKIP).cause


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"FILE": ""}, "no build phase"), ({"PLACE": "7"}, "Resources")],
)
def test_a_handler_that_is_not_shipped_well_is_a_warning(look, changes, words):
    diagnosis = look(**changes)
    assert warnings(diagnosis) == {"link.handler"}
    assert words in find_finding(diagnosis, "link.handler", "warning").cause


def test_a_script_that_copies_the_handler_will_do(look):
    script = (
        '}; A7 = {isa = PBXShellScriptBuildPhase; shellScript = "cp \\"$X/crashpad_handler\\" .";'
        "}; A8 = {isa = XCBuildConfiguration; "
    )
    assert warnings(look(FILE="", XCCONFIG=script)) == set()


def test_a_project_without_crashpad_is_of_no_interest(tmp_path):
    write(tmp_path / "project.pbxproj", "// !$*UTF8*$!\n{ objects = { }; }\n")
    assert not any(subject.kind == "xcode" for subject in examine(tmp_path).subjects)


@pytest.mark.parametrize(
    "text", ["", "{", "{ a = ", "{ a = (b; }", "(a)", "{ a b; }", "{" * 100, "x" * 100, '{ a = "']
)
def test_damage_is_a_fault_of_the_file(text):
    with pytest.raises(MalformedFile, match="Xcode project"):
        parse_project(text)


def test_a_damaged_project_is_a_skip(tmp_path):
    write(tmp_path / "project.pbxproj", "{ crashpad = (")
    diagnosis = examine(tmp_path)
    assert bad(diagnosis) == set()
    assert "its end is missing" in find_finding(diagnosis, "link.dsym", SKIP).cause
