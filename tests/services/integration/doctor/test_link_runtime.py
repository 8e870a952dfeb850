"""link.crt, .iterator, .machine, .ltcg, .stl of Visual Studio's projects: faults and twins."""

import pytest

from crashtool.model.doctor import NOTE, SKIP, WARNING
from tests.conftest import SHARED
from tests.services.integration.doctor.folders import (
    bad,
    examine,
    failures,
    find_finding,
)
from tests.services.integration.doctor.projects import (
    backtrace_cmake,
    settings,
    write,
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

RELEASE = "Release|x64"
COFF = SHARED / "truth" / "objects" / "coff"
RUNTIMES = ("MT", "MTd", "MD", "MDd")


def test_a_healthy_project_passes(game):
    diagnosis = game({RELEASE: zip_settings()})

    assert bad(diagnosis) == set()
    verdicts = {
        row.check: row.verdict for row in diagnosis.findings if row.check.startswith("link")
    }
    assert {name for name, verdict in verdicts.items() if verdict == "pass"} == {
        "link.crt",
        "link.iterator",
        "link.machine",
        "link.ltcg",
        "link.stl",
        "link.libraries",
        "link.include",
        "link.standard",
        "link.nominmax",
        "link.pdb",
    }


@pytest.mark.parametrize("own", RUNTIMES)
@pytest.mark.parametrize("libraries", RUNTIMES)
def test_only_equal_runtimes_link(game, own, libraries):
    def crashpad(root):
        return backtrace_cmake(root, x=libraries)

    configuration = settings(
        "..\\crashpad",
        (".", r"third_party\mini_chromium\mini_chromium"),
        ("client.lib",),
        (r"cbuild\client\x",),
        runtime=own,
    )
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
        "Debug|x64": zip_settings(RuntimeLibrary=None),
        RELEASE: zip_settings(RuntimeLibrary=None),
    }

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
        write(
            root / "lib_md" / "util.lib",
            build_library(
                {
                    "crashpad_a.obj": build_coff(directives("MD")),
                    "crashpad_b.obj": build_coff(directives("MT")),
                }
            ),
        )

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
        write(
            root / "lib_md" / "util.lib",
            build_library(
                {
                    "crashpad.obj": build_whole_program(),
                    "b.obj": build_coff(directives("MD")),
                }
            ),
        )

    diagnosis = game({RELEASE: zip_settings()}, change=change)

    assert bad(diagnosis) == {"link.ltcg"}
    found = find_finding(diagnosis, "link.ltcg", WARNING)
    assert "1 of 2 objects" in found.cause
    assert found.file.endswith("util.lib")


def test_a_library_that_is_among_the_paths_is_told_of_once(game, tmp_path):
    def change(root):
        write(
            root / "lib_md" / "util.lib",
            build_library(
                {
                    "crashpad.obj": build_whole_program(),
                    "b.obj": build_coff(directives("MD")),
                }
            ),
        )

    game({RELEASE: zip_settings()}, change=change)

    assert find_finding(examine(tmp_path), "link.ltcg", WARNING)


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


def test_what_is_not_known_is_a_skip(game):
    unknown = "<ItemDefinitionGroup Condition=\"'$(Vendor)'=='x'\"><ClCompile><RuntimeLibrary>"
    unknown += "MultiThreaded</RuntimeLibrary></ClCompile></ItemDefinitionGroup>"

    diagnosis = game({RELEASE: zip_settings()}, groups=unknown)

    assert bad(diagnosis) == set()
    skips = [row for row in diagnosis.findings if (row.check, row.verdict) == ("link.crt", SKIP)]
    assert all("not known" in row.cause for row in skips)
    assert len(skips) == 3


@pytest.mark.parametrize(("compiled", "is_bad"), [("MD", False), ("MT", True)])
@pytest.mark.parametrize("folder", ["x64/Release", "Release", "obj/it"])
def test_objects_tell_the_runtime_that_the_project_does_not(
    game, tmp_path, compiled, is_bad, folder
):
    unknown = "<ItemDefinitionGroup Condition=\"'$(Vendor)'=='x'\"><ClCompile><RuntimeLibrary>"
    unknown += "MultiThreaded</RuntimeLibrary></ClCompile></ItemDefinitionGroup>"
    unknown += r"<PropertyGroup><IntDir>obj\it\</IntDir></PropertyGroup>" if "it" in folder else ""
    write(tmp_path / "game" / folder / "main.obj", build_coff(directives(compiled)))

    diagnosis = game({RELEASE: zip_settings()}, groups=unknown)

    assert bad(diagnosis) == ({"link.crt"} if is_bad else set())


@pytest.mark.parametrize(("folder", "is_told"), [("lib_mt", True), ("lib_md", False)])
def test_libraries_that_sources_name_are_looked_at_too(game, folder, is_told):
    """#pragma comment(lib, ...) instead of AdditionalDependencies."""
    source = "".join(f'#pragma comment(lib, "{name}.lib")\n' for name in ("client", "util", "base"))
    one = zip_settings(folder=folder)
    one["Link"]["AdditionalDependencies"] = "%(AdditionalDependencies)"

    def name_them(root):
        write(root.parent / "game" / "names.cpp", source)

    diagnosis = game({"Release|x64": one}, change=name_them, sources=("main.cpp", "names.cpp"))

    assert ("link.crt" in failures(diagnosis)) == is_told
