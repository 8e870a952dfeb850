"""link.* of Visual Studio's projects: each fault planted, its twin healthy."""

import pytest

from crashtool.model.doctor import NOTE, SKIP, WARNING
from tests.conftest import SHARED
from tests.services.integration.doctor.folders import (
    examine,
    failures,
    find_finding,
    warnings,
)
from tests.services.integration.doctor.projects import (
    backtrace_cmake,
    backtrace_zip,
    settings,
    upstream_gn,
    vcpkg,
    write,
    write_game,
    zip_settings,
)
from tests.synth.coff import (
    ARM64,
    X86,
    build_coff,
    build_library,
    build_whole_program,
    crashpad_library,
    directives,
)
from tests.synth.msbuild import build_project

RELEASE = "Release|x64"
COFF = SHARED / "truth" / "objects" / "coff"
RUNTIMES = ("MT", "MTd", "MD", "MDd")


@pytest.fixture
def game(tmp_path):
    """game(configurations, crashpad=backtrace_zip) -> the diagnosis of a project beside it."""

    def look(configurations, *, crashpad=backtrace_zip, change=None, options=None, **project):
        root = crashpad(tmp_path / "crashpad") if crashpad else tmp_path / "crashpad"
        if change:
            change(root)
        write_game(tmp_path / "game", configurations, **project)
        return examine(tmp_path / "game", **(options or {}))

    return look


def bad(diagnosis):
    return failures(diagnosis) | warnings(diagnosis)


def test_a_healthy_project_passes(game):
    diagnosis = game({RELEASE: zip_settings()})

    assert bad(diagnosis) == set()
    verdicts = {
        row.check: row.verdict for row in diagnosis.findings if row.check.startswith("link")
    }
    assert {name for name, verdict in verdicts.items() if verdict == "pass"} == {
        "link.crt", "link.iterator", "link.machine", "link.ltcg", "link.stl", "link.libraries",
        "link.include", "link.standard", "link.nominmax", "link.pdb",
    }  # fmt: skip


@pytest.mark.parametrize("own", RUNTIMES)
@pytest.mark.parametrize("libraries", RUNTIMES)
def test_only_equal_runtimes_link(game, own, libraries):
    def crashpad(root):
        return backtrace_cmake(root, x=libraries)

    configuration = settings(
        "..\\crashpad", (".", r"third_party\mini_chromium\mini_chromium"), ("client.lib",),
        (r"cbuild\client\x",), runtime=own,
    )  # fmt: skip
    diagnosis = game({RELEASE: configuration}, crashpad=crashpad)

    assert bad(diagnosis) == (set() if own == libraries else {"link.crt"})
    if own != libraries:
        found = find_finding(diagnosis, "link.crt")
        assert f"{RELEASE} is compiled with /{own}, client.lib with /{libraries}" in found.cause
        assert "LNK2038" in found.consequence


@pytest.mark.skipif(not COFF.is_dir(), reason="needs truth/objects/coff")
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("library", ["MD", "MT"])
def test_real_libraries_are_told_apart(game, runtime, library):
    content = (COFF / f"client_{library}.lib").read_bytes()

    def put(root):
        for name in ("client", "util", "base"):
            write(root / "lib_md" / f"{name}.lib", content)

    diagnosis = game({RELEASE: zip_settings(runtime=runtime)}, change=put)

    # nothing in these says that they are Crashpad's: they lie where its libraries do
    assert "link.crt" not in failures(diagnosis)

    def mark(root):
        put(root)
        write(root / "lib_md" / "base.lib", crashpad_library(library))

    diagnosis = game({RELEASE: zip_settings(runtime=runtime)}, change=mark)

    assert ("link.crt" in failures(diagnosis)) == (runtime != library)


def test_the_fix_names_the_folder_of_the_same_zip_that_fits(game):
    diagnosis = game({RELEASE: zip_settings(runtime="MT")})

    assert bad(diagnosis) == {"link.crt"}
    findings = [row for row in diagnosis.findings if row.check == "link.crt"]
    assert len(findings) == 3  # client, util, base
    assert all("lib_mt" in row.fix for row in findings)
    assert findings[0].line is not None


def test_without_a_runtime_visual_studio_goes_by_the_configuration(game):
    both = {
        "Debug|x64": zip_settings(RuntimeLibrary=None), RELEASE: zip_settings(RuntimeLibrary=None),
    }  # fmt: skip

    found = [row.cause for row in game(both).findings if row.verdict == "failure"]

    assert len(found) == 3
    assert all("Debug|x64 is compiled with /MDd" in cause for cause in found)


def test_only_the_configuration_that_is_asked_for_is_looked_at(game):
    both = {"Debug|x64": zip_settings(runtime="MDd"), RELEASE: zip_settings()}

    for wanted in (RELEASE, "release"):
        assert bad(game(both, options={"configuration": wanted})) == set()
    assert "link.crt" in bad(game(both, options={"configuration": "Debug"}))


def test_a_library_with_two_runtimes_is_a_warning(game):
    def mix(root):
        write(root / "lib_md" / "util.lib", build_library({
            "crashpad_a.obj": build_coff(directives("MD")),
            "crashpad_b.obj": build_coff(directives("MT")),
        }))  # fmt: skip

    diagnosis = game({RELEASE: zip_settings()}, change=mix)

    assert bad(diagnosis) == {"link.crt"}
    assert "/MD and /MT" in find_finding(diagnosis, "link.crt", WARNING).cause


def test_iterator_levels_that_differ_within_one_runtime(game):
    def change(root):
        for name in ("client", "util", "base"):
            write(root / "lib_md" / f"{name}.lib", crashpad_library("MDd"))

    good = {"Debug|x64": zip_settings(runtime="MDd")}
    assert bad(game(good, change=change)) == set()
    own = "_ITERATOR_DEBUG_LEVEL=0;NOMINMAX;%(PreprocessorDefinitions)"
    faulty = {"Debug|x64": zip_settings(runtime="MDd", PreprocessorDefinitions=own)}

    diagnosis = game(faulty, change=change)

    assert bad(diagnosis) == {"link.iterator"}
    causes = [row.cause for row in diagnosis.findings if row.check == "link.iterator"]
    assert "Debug|x64 has _ITERATOR_DEBUG_LEVEL=0, client.lib has 2" in causes[0]


@pytest.mark.parametrize(("machine", "name"), [(ARM64, "arm64"), (X86, "x86")])
def test_another_processor(game, machine, name):
    def change(root):
        for library in ("client", "util", "base"):
            write(root / "lib_md" / f"{library}.lib", crashpad_library("MD", machine=machine))

    diagnosis = game({RELEASE: zip_settings()}, change=change)

    assert bad(diagnosis) == {"link.machine"}
    causes = [row.cause for row in diagnosis.findings if row.check == "link.machine"]
    assert f"{RELEASE} is for x86_64, client.lib for {name}" in causes[0]
    platform = {"arm64": "ARM64", "x86": "Win32"}[name]
    assert bad(game({f"Release|{platform}": zip_settings()}, change=change)) == set()


def test_objects_of_link_time_code_generation(game):
    def change(root):
        write(root / "lib_md" / "util.lib", build_library({
            "crashpad.obj": build_whole_program(), "b.obj": build_coff(directives("MD")),
        }))  # fmt: skip

    diagnosis = game({RELEASE: zip_settings()}, change=change)

    assert "link.ltcg" not in bad(diagnosis)  # told of the library, which is not among the paths


def test_a_library_of_link_time_code_generation_is_told_of(tmp_path):
    whole = build_library({"crashpad.obj": build_whole_program()})
    good = write(tmp_path / "good" / "client.lib", crashpad_library("MD"))
    faulty = write(tmp_path / "bad" / "client.lib", whole)

    assert bad(examine(good)) == set()
    diagnosis = examine(faulty)
    assert bad(diagnosis) == {"link.ltcg"}
    assert "1 of 1 objects" in find_finding(diagnosis, "link.ltcg", WARNING).cause


@pytest.mark.parametrize(
    ("toolset", "names", "is_bad"),
    [
        ("v142", ("__std_find_trivial_8",), True),
        ("v143", ("__std_find_trivial_8",), False),
        ("v142", ("__std_exception_copy", "__std_terminate", "__std_type_info_compare"), False),
    ],
)
def test_a_newer_stl_than_the_toolset(game, toolset, names, is_bad):
    def change(root):
        write(root / "lib_md" / "util.lib", crashpad_library("MD", undefined=names))

    diagnosis = game({RELEASE: zip_settings()}, change=change, toolset=toolset)

    assert bad(diagnosis) == ({"link.stl"} if is_bad else set())
    if is_bad:
        assert "__std_find_trivial_8" in find_finding(diagnosis, "link.stl", WARNING).cause


def test_a_library_alone_with_a_newer_stl_is_a_note(tmp_path):
    content = crashpad_library("MD", undefined=("__std_count_trivial_1",))

    diagnosis = examine(write(tmp_path / "client.lib", content))

    assert bad(diagnosis) == set()
    assert find_finding(diagnosis, "link.stl", NOTE)


GN_DIRS = (r"out\Release\obj\client", r"out\Release\obj\util",
           r"out\Release\obj\third_party\mini_chromium\mini_chromium\base")  # fmt: skip
GN_INCLUDES = (".", r"third_party\mini_chromium\mini_chromium", r"out\Release\gen")


def gn_settings(libraries=("client.lib", "common.lib", "util.lib", "base.lib"), **more):
    return settings("..\\crashpad", more.pop("includes", GN_INCLUDES), libraries, GN_DIRS,
                    runtime="MT", **more)  # fmt: skip


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
        {RELEASE: gn_settings(("client.lib", "util.lib", "base.lib"))}, crashpad=upstream_gn,
        sources=("main.cpp", "libs.cpp"),
    )  # fmt: skip

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
        "..\\crashpad", ("include", r"include\mini_chromium", r"includes"),
        ("client.lib", "util.lib", "base.lib"), ("lib_md",),
    )  # fmt: skip

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
        "..\\crashpad", CMAKE_INCLUDES, ("client.lib",), (r"cbuild\client\Release",),
        LanguageStandard=standard,
    )  # fmt: skip

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


def test_what_is_not_known_is_a_skip(game):
    unknown = "<ItemDefinitionGroup Condition=\"'$(Vendor)'=='x'\"><ClCompile><RuntimeLibrary>"
    unknown += "MultiThreaded</RuntimeLibrary></ClCompile></ItemDefinitionGroup>"

    diagnosis = game({RELEASE: zip_settings()}, groups=unknown)

    assert bad(diagnosis) == set()
    skips = [row for row in diagnosis.findings if (row.check, row.verdict) == ("link.crt", SKIP)]
    assert all("not known" in row.cause for row in skips)
    assert len(skips) == 3


@pytest.mark.parametrize("root", [r"C:\crashpad", r"$(CRASHPAD_DIR)", r"\\server\crashpad"])
def test_folders_of_another_machine_are_no_fault(game, root):
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
