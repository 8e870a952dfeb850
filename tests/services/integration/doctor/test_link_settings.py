"""link.libraries, .include, .standard, .nominmax, .pdb of Visual Studio's projects."""

import os

import pytest

from crashtool.model.doctor import NOTE, SKIP
from tests.services.integration.doctor.folders import (
    bad,
    examine,
    failures,
    find_finding,
    warnings,
)
from tests.services.integration.doctor.projects import (
    backtrace_cmake,
    settings,
    upstream_gn,
    vcpkg,
    write,
    zip_settings,
)
from tests.synth.msbuild import build_project

RELEASE = "Release|x64"


GN_DIRS = (
    r"out\Release\obj\client",
    r"out\Release\obj\util",
    r"out\Release\obj\third_party\mini_chromium\mini_chromium\base",
)
GN_INCLUDES = (".", r"third_party\mini_chromium\mini_chromium", r"out\Release\gen")


def gn_settings(libraries=("client.lib", "common.lib", "util.lib", "base.lib"), **more):
    return settings(
        "..\\crashpad", more.pop("includes", GN_INCLUDES), libraries, GN_DIRS, runtime="MT", **more
    )


def test_the_library_common_is_missing(game):
    assert bad(game({RELEASE: gn_settings()}, crashpad=upstream_gn)) == set()

    diagnosis = game(
        {RELEASE: gn_settings(("client.lib", "util.lib", "base.lib"))}, crashpad=upstream_gn
    )

    assert bad(diagnosis) == {"link.libraries"}
    found = find_finding(diagnosis, "link.libraries")
    assert "links client.lib but not common.lib" in found.cause
    assert "LNK2019" in found.consequence


def test_a_library_that_a_source_names_is_linked(game, tmp_path):
    write(tmp_path / "game" / "libs.cpp", '#pragma comment(lib, "common.lib")\n')

    diagnosis = game(
        {RELEASE: gn_settings(("client.lib", "util.lib", "base.lib"))},
        crashpad=upstream_gn,
        sources=("main.cpp", "libs.cpp"),
    )

    assert bad(diagnosis) == set()


def test_the_zips_other_libraries_are_missing(game):
    configuration = zip_settings(AdditionalDependencies="client.lib;%(AdditionalDependencies)")

    diagnosis = game({RELEASE: configuration})

    assert bad(diagnosis) == {"link.libraries"}
    assert "util.lib, base.lib" in find_finding(diagnosis, "link.libraries").cause


def test_vcpkg_links_its_folder_itself(game):
    def installed(root):
        return vcpkg(root)

    configuration = settings(
        "..\\crashpad", (r"include\crashpad",), ("client.lib",), ("lib",), runtime="MD"
    )

    diagnosis = game({RELEASE: configuration}, crashpad=installed)

    assert failures(diagnosis) == set()
    assert warnings(diagnosis) == {"link.libraries"}


def test_the_header_that_gn_makes(game):
    def without(root):
        return upstream_gn(root, generated=False)

    includes = GN_INCLUDES[:2]

    diagnosis = game({RELEASE: gn_settings(includes=includes)}, crashpad=without)

    assert bad(diagnosis) == {"link.include"}
    found = find_finding(diagnosis, "link.include")
    assert "build/chromeos_buildflags.h" in found.cause
    assert "GN makes it" in found.consequence


def test_mini_chromiums_folder_is_missing(game):
    configuration = settings(
        "..\\crashpad", ("include",), ("client.lib", "util.lib", "base.lib"), ("lib_md",)
    )

    diagnosis = game({RELEASE: configuration})

    assert bad(diagnosis) == {"link.include"}
    found = find_finding(diagnosis, "link.include")
    assert "base/files/file_path.h" in found.cause
    assert "mini_chromium" in found.fix


def test_an_include_folder_that_does_not_exist(game):
    configuration = settings(
        "..\\crashpad",
        ("include", r"include\mini_chromium", r"includes"),
        ("client.lib", "util.lib", "base.lib"),
        ("lib_md",),
    )

    diagnosis = game({RELEASE: configuration})

    assert bad(diagnosis) == {"link.include"}
    assert "does not exist" in find_finding(diagnosis, "link.include").cause


CMAKE_INCLUDES = (".", r"third_party\mini_chromium\mini_chromium")


@pytest.mark.parametrize(
    ("standard", "is_bad"),
    [("stdcpp14", True), (None, True), ("stdcpp17", False), ("stdcpplatest", False)],
)
def test_headers_of_2023_need_cxx_17(game, standard, is_bad):
    configuration = settings(
        "..\\crashpad",
        CMAKE_INCLUDES,
        ("client.lib",),
        (r"cbuild\client\Release",),
        LanguageStandard=standard,
    )

    diagnosis = game({RELEASE: configuration}, crashpad=backtrace_cmake)

    assert bad(diagnosis) == ({"link.standard"} if is_bad else set())
    if is_bad:
        assert "C++14" in find_finding(diagnosis, "link.standard").cause


def test_older_headers_take_cxx_14(game):
    assert bad(game({RELEASE: zip_settings(LanguageStandard=None)})) == set()


def test_nominmax_is_missing(game, tmp_path):
    configuration = zip_settings(PreprocessorDefinitions="NDEBUG;%(PreprocessorDefinitions)")

    diagnosis = game({RELEASE: configuration})

    assert bad(diagnosis) == {"link.nominmax"}
    write(tmp_path / "game" / "pch.cpp", "#define NOMINMAX\n#include <windows.h>\n")
    assert bad(game({RELEASE: configuration}, sources=("main.cpp", "pch.cpp"))) == set()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"GenerateDebugInformation": "false"}, "linked without debug information"),
        ({"GenerateDebugInformation": "DebugFastLink"}, "/DEBUG:FASTLINK"),
        ({"DebugInformationFormat": "None"}, "compiled without debug information"),
    ],
)
def test_a_release_that_makes_no_whole_pdb(game, more, words):
    diagnosis = game({RELEASE: zip_settings(**more)})

    assert bad(diagnosis) == {"link.pdb"}
    found = find_finding(diagnosis, "link.pdb")
    assert words in found.cause
    assert found.line is not None


def test_debug_configurations_may_make_what_they_like(game):
    configuration = zip_settings(runtime="MD", GenerateDebugInformation="DebugFastLink")

    assert "link.pdb" not in bad(game({"Debug|x64": configuration}))


def test_folding_that_is_lost_is_a_note(game):
    diagnosis = game({RELEASE: zip_settings(EnableCOMDATFolding=None)})

    assert bad(diagnosis) == set()
    assert "/OPT:ICF" in find_finding(diagnosis, "link.pdb", NOTE).cause


@pytest.mark.parametrize("root", [r"C:\crashpad", r"$(CRASHPAD_DIR)", r"\\server\crashpad"])
def test_folders_of_another_machine_are_no_fault(game, root):
    if os.name == "nt" and root.startswith("C:"):
        pytest.skip("needs a system without drives")
    diagnosis = game({RELEASE: zip_settings(root)}, crashpad=None)

    assert failures(diagnosis) == set()


def test_projects_without_crashpad_are_left_alone(tmp_path):
    plain = {"ClCompile": {"RuntimeLibrary": "MultiThreaded"}, "Link": {}}
    write(tmp_path / "other.cpp", "int main() {}\n")
    write(tmp_path / "other.vcxproj", build_project({RELEASE: plain}, sources=("other.cpp",)))

    diagnosis = examine(tmp_path)

    assert bad(diagnosis) == set()
    assert not [row for row in diagnosis.findings if row.check.startswith("link") and row.file]


def test_a_damaged_project_is_a_skip(tmp_path):
    write(
        tmp_path / "game.vcxproj", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><Project/>'
    )

    diagnosis = examine(tmp_path)

    assert bad(diagnosis) == set()
    assert "document type" in find_finding(diagnosis, "link.crt", SKIP).cause
