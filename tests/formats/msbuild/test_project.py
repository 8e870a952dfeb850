"""Projects and property sheets: what they set for each configuration, and what is not known."""

import ntpath

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.msbuild.configuration import split_list
from crashtool.formats.msbuild.elements import MAX_DEPTH, read_elements
from crashtool.formats.msbuild.project import Files, read_project
from crashtool.formats.msbuild.property_values import evaluate_condition, expand, is_known
from tests.growth import grows_linearly
from tests.synth.msbuild import build_project, build_sheet

RELEASE = {"ClCompile": {"RuntimeLibrary": "MultiThreadedDLL"}}
DEBUG = {"ClCompile": {"RuntimeLibrary": "MultiThreadedDebugDLL"}}


def read(files, path="game.vcxproj", **options):
    """The configurations of a project among files by name, all in one folder."""
    contents = {
        name: text.encode() if isinstance(text, str) else text for name, text in files.items()
    }

    def resolve(folder, name):
        return None if ntpath.isabs(name) else ntpath.normpath(name)

    given = Files(contents.get, contents.__contains__, resolve, lambda _path: "")
    return {one.title: one for one in read_project(path, given, {}, **options)}


def test_each_configuration_has_its_own_settings():
    text = build_project({"Debug|x64": DEBUG, "Release|x64": RELEASE, "Release|Win32": {}})

    read_ones = read({"game.vcxproj": text})

    assert list(read_ones) == ["Debug|x64", "Release|x64", "Release|Win32"]
    runtime = read_ones["Release|x64"].compiler["RuntimeLibrary"]
    assert runtime.value == "MultiThreadedDLL"
    assert "RuntimeLibrary>MultiThreadedDLL" in text.splitlines()[runtime.line - 1]
    assert read_ones["Debug|x64"].compiler["RuntimeLibrary"].value == "MultiThreadedDebugDLL"
    assert read_ones["Release|Win32"].compiler == {}
    assert read_ones["Debug|x64"].find_property("usedebuglibraries").value == "true"
    assert read_ones["Release|x64"].not_read == ()
    assert [source.path for source in read_ones["Release|x64"].sources] == ["main.cpp"]


def test_property_sheets_come_first_and_lists_are_joined():
    sheet = build_sheet(
        r"<PropertyGroup><CrashpadRoot>C:\crashpad</CrashpadRoot></PropertyGroup>"
        "<ItemDefinitionGroup><ClCompile><AdditionalIncludeDirectories>"
        r"$(CrashpadRoot)\include;%(AdditionalIncludeDirectories)"
        "</AdditionalIncludeDirectories></ClCompile></ItemDefinitionGroup>"
    )
    own = {
        "ClCompile": {
            "AdditionalIncludeDirectories": r"src;%(AdditionalIncludeDirectories)"
            r";$(CrashpadRoot)\x",
        }
    }
    text = build_project({"Release|x64": own}, sheets=(r".\crashpad.props",))

    found = read({"game.vcxproj": text, "crashpad.props": sheet})["Release|x64"]

    value = found.compiler["AdditionalIncludeDirectories"].value
    assert split_list(value) == ["src", r"C:\crashpad\include", r"C:\crashpad\x"]


def test_a_property_that_is_defined_after_a_definition_counts_for_it():
    own = {"Link": {"AdditionalLibraryDirectories": "$(Libs)"}}
    late = "<PropertyGroup><Libs>lib_md</Libs></PropertyGroup>"
    text = build_project({"Release|x64": own}, groups=late)

    found = read({"game.vcxproj": text})["Release|x64"]

    assert found.linker["AdditionalLibraryDirectories"].value == "lib_md"


def test_directory_build_files_stand_before_and_after():
    props = build_sheet(
        "<ItemDefinitionGroup><ClCompile><LanguageStandard>stdcpp17</LanguageStandard>"
        "</ClCompile></ItemDefinitionGroup>"
    )
    files = {"game.vcxproj": build_project({"Release|x64": {}}), "Directory.Build.props": props}

    found = read(files, before="Directory.Build.props")["Release|x64"]

    assert found.compiler["LanguageStandard"].value == "stdcpp17"
    assert found.compiler["LanguageStandard"].file == "Directory.Build.props"


def test_what_only_visual_studio_can_judge_is_unknown_not_false():
    group = (
        "<ItemDefinitionGroup Condition=\"'$(VcpkgEnabled)'=='true'\"><ClCompile>"
        "<RuntimeLibrary>MultiThreaded</RuntimeLibrary></ClCompile></ItemDefinitionGroup>"
    )
    text = build_project({"Release|x64": RELEASE}, groups=group)

    found = read({"game.vcxproj": text})["Release|x64"]

    assert "ClCompile.RuntimeLibrary" in found.unknown


def test_a_property_of_the_projects_own_is_empty_until_it_is_set():
    groups = (
        "<PropertyGroup><Root Condition=\"'$(Root)'==''\">ext</Root></PropertyGroup>"
        "<PropertyGroup><Root Condition=\"'$(Root)'==''\">no</Root></PropertyGroup>"
    )

    found = read({"game.vcxproj": build_project({"Release|x64": {}}, groups=groups)})["Release|x64"]

    assert found.find_property("Root").value == "ext"
    assert not found.unknown


def test_what_may_only_be_added_leaves_the_rest_known():
    groups = (
        "<PropertyGroup><Defines>NOMINMAX</Defines><Defines Condition=\"'$(URL)'!=''\">"
        "$(Defines);URL=$(URL)</Defines></PropertyGroup>"
    )
    own = {"ClCompile": {"PreprocessorDefinitions": "$(Defines);%(PreprocessorDefinitions)"}}

    found = read({"game.vcxproj": build_project({"Release|x64": own}, groups=groups)})

    entries = split_list(found["Release|x64"].compiler["PreprocessorDefinitions"].value)
    assert [entry for entry in entries if is_known(entry)] == ["NOMINMAX"]
    assert len(entries) == 2


def test_choose_takes_the_first_branch_that_holds():
    choose = (
        "<Choose><When Condition=\"'$(Platform)'=='Win32'\"><PropertyGroup><A>1</A>"
        "</PropertyGroup></When><When Condition=\"'$(Platform)'=='x64'\"><PropertyGroup><A>2</A>"
        "</PropertyGroup></When><Otherwise><PropertyGroup><A>3</A></PropertyGroup></Otherwise>"
        "</Choose>"
    )
    text = build_project({"Release|x64": {}, "Release|ARM64": {}}, groups=choose)

    found = read({"game.vcxproj": text})

    assert found["Release|x64"].find_property("A").value == "2"
    assert found["Release|ARM64"].find_property("A").value == "3"


def test_settings_of_single_files_are_told():
    groups = (
        '<ItemGroup><ClCompile Include="a.cpp;b.cpp"><RuntimeLibrary '
        "Condition=\"'$(Configuration)'=='Release'\">MultiThreaded</RuntimeLibrary></ClCompile>"
        "</ItemGroup>"
    )
    text = build_project({"Release|x64": {}, "Debug|x64": {}}, groups=groups)

    found = read({"game.vcxproj": text})

    own = {one.path: one.settings for one in found["Release|x64"].sources}
    assert own["b.cpp"]["RuntimeLibrary"].value == "MultiThreaded"
    assert all(not one.settings for one in found["Debug|x64"].sources)


def test_imports_that_are_not_there_or_not_the_projects_are_named():
    text = build_project(
        {"Release|x64": {}}, sheets=("gone.props", r"\\server\x.props", "bad.props")
    )

    found = read({"game.vcxproj": text, "bad.props": "<Project"})["Release|x64"]

    assert found.not_read == ("gone.props", r"\\server\x.props", "bad.props")


def test_sheets_that_import_each_other_come_to_an_end():
    sheets = {
        name: build_sheet(f'<Import Project="{other}" />')
        for name, other in (("a.props", "b.props"), ("b.props", "a.props"))
    }
    text = build_project({"Release|x64": RELEASE}, sheets=("a.props",))

    found = read({"game.vcxproj": text, **sheets})["Release|x64"]

    assert found.compiler["RuntimeLibrary"].value == "MultiThreadedDLL"


def test_a_sheet_alone_is_one_configuration_without_a_name():
    sheet = build_sheet("<PropertyGroup><A>1</A></PropertyGroup>")

    (found,) = read({"a.props": sheet}, "a.props").values()

    assert (found.name, found.find_property("A").value) == ("", "1")


LAUGHS = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;">]><Project>&b;</Project>"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LAUGHS, "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><Project/>', "document type"),
        ("<a>" * (MAX_DEPTH + 2), "nested deeper"),
        ("<Project>", "not valid XML"),
        ("", "not valid XML"),
        ('<?xml version="1.0" encoding="klingon"?><Project/>', "XML"),
        ("<Project>&undefined;</Project>", "not valid XML"),
        ("<Other/>", "not an MSBuild file"),
    ],
)
def test_what_no_project_has_is_refused(content, words):
    with pytest.raises(InputUnusable, match=words):
        read({"game.vcxproj": content})


def test_utf_16_is_read_as_visual_studio_may_write_it():
    text = build_project({"Release|x64": RELEASE}).replace("utf-8", "utf-16")

    assert "Release|x64" in read({"game.vcxproj": text.encode("utf-16")})


MACROS = {"a": "1", "configuration": "Release", "platform": "x64"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("", True),
        ("'$(Configuration)|$(Platform)'=='Release|x64'", True),
        ("'$(Configuration)|$(Platform)' == 'debug|x64'", False),
        ("'$(Configuration)'=='release'", True),
        ("'$(A)'!='1'", False),
        ("$(A) == 1", True),
        ("'$(X)'==''", None),
        ("'$(X)'=='' and '$(A)'=='2'", False),
        ("'$(X)'=='' or '$(A)'=='1'", True),
        ("!('$(A)'=='1') Or false", False),
        ("Exists('there')", True),
        ("!Exists('gone')", True),
        ("Exists('$(X)')", None),
        ("HasTrailingSlash('a')", None),
        ("'$(A)' >= '1'", None),
        ("('$(A)'=='1'", None),
        ("'$([MSBuild]::Add(1,2))'=='3'", None),
        ("'%(Filename)'=='a'", None),
        ("true", True),
        ("garbage", None),
        ("'unclosed", None),
        ("!" * 5_000 + "true", None),
        ("(" * 5_000, None),
    ],
)
def test_conditions_hold_or_not_or_are_unknown(condition, holds):
    assert evaluate_condition(condition, MACROS, lambda path: path == "there") is holds


def test_macros_that_name_each_other_come_to_an_end():
    assert "$(" in expand("$(a)", {"a": "$(b)", "b": "$(a)"})
    assert len(expand("$(a)", {"a": "$(a)$(a)"})) < 1 << 20


def test_work_grows_with_the_project_no_faster_than_it():
    def prepare(count):
        group = "<PropertyGroup><A>$(A)</A><B Condition=\"'$(A)'==''\">1</B></PropertyGroup>"
        text = build_sheet(group * count).encode()
        return lambda: read({"a.props": text}, "a.props")

    assert grows_linearly(prepare)


def test_many_names_and_values_that_double_take_no_longer():
    def prepare(count):
        text = "".join(
            f"<A{number} Condition=\"'$(B)'==''\">$(C)</A{number}><C>$(C)$(C)x</C>"
            for number in range(count)
        )
        content = build_sheet(f"<PropertyGroup>{text}</PropertyGroup>").encode()
        return lambda: read({"a.props": content}, "a.props")

    assert grows_linearly(prepare, few=200)


def test_lines_are_those_of_the_file():
    root = read_elements(b"<Project>\n\n <A/>\n</Project>", "x")

    assert root.children[0].line == 3
