"""The property sheet in a build engine that reads it as MSBuild does: Mono's xbuild.

It knows no ItemDefinitionGroup: what that says is read from the file, with the engine's properties.
"""

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from crashtool.formats.attribute_rules import StartPlan
from crashtool.formats.crashpad.client.find_release import find_release
from crashtool.formats.crashpad.client.layouts import LAYOUTS, WINDOWS
from crashtool.model.integration import Integration
from crashtool.render.integration.msbuild import props_text

pytestmark = pytest.mark.toolchain
SPACE = "{http://schemas.microsoft.com/developer/msbuild/2003}"
RUNTIMES = {
    "MT": ("MultiThreaded", False),
    "MTd": ("MultiThreadedDebug", True),
    "MD": ("MultiThreadedDLL", False),
    "MDd": ("MultiThreadedDebugDLL", True),
}
PROJECT = """\
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <PropertyGroup>
    <ConfigurationType>Application</ConfigurationType>
    <OutDir>$(MSBuildProjectDirectory)/out/</OutDir>
    @PROPERTIES@
  </PropertyGroup>
  <Import Project="sheets/CrashReporting.props" />
  <ItemGroup>
    <ClCompile Include="main.cpp"><RuntimeLibrary>@RUNTIME@</RuntimeLibrary></ClCompile>
  </ItemGroup>
  <Target Name="ClCompile">
    @MESSAGES@
    <Message Importance="high" Text="[files=@(ClCompile)]" />
  </Target>
  <Target Name="Build" DependsOnTargets="ClCompile" />
</Project>
"""
TOLD = (
    "CrashpadRuntime",
    "CrashpadRuntimeLibrary",
    "CrashpadLibraryPath",
    "CrashpadIncludePath",
    "CrashpadHandler",
    "CrashpadLibraries",
    "CrashReportingDefinitions",
)


def lay_out(folder, layout, runtime):
    """The libraries and the handler of a layout as it has them for a runtime; else nothing."""
    _, is_debug = RUNTIMES[runtime]
    config, crt = ("Debug" if is_debug else "Release"), runtime[:2].lower()
    for library in layout.libraries:
        if WINDOWS in library.platforms:
            name = layout.fill(library.folder, WINDOWS, config=config, crt=crt)
            place = folder / (layout.debug_folder if is_debug else "") / name
            place.mkdir(parents=True, exist_ok=True)
            (place / library.file_name(WINDOWS)).write_text("")
    handler = folder / (layout.fill(layout.handler[WINDOWS], WINDOWS, config=config) + ".exe")
    handler.parent.mkdir(parents=True, exist_ok=True)
    handler.write_text("handler")


class Build:
    def __init__(self, folder, layout, runtime="MD", fork=None):
        self.folder, self.layout = folder, layout
        (folder / "sheets").mkdir()
        (folder / "the crashpad").mkdir()
        lay_out(folder / "the crashpad", layout, runtime)
        release = find_release(fork or layout.forks[0])
        integration = Integration(release, "game", StartPlan((), ()), {WINDOWS: layout})
        self.text = props_text(integration)
        (folder / "sheets" / "CrashReporting.props").write_text(self.text)

    def run(self, compiled="", variables=(), **properties):
        """The status, what the engine says, and the properties that the sheet makes."""
        place = str(self.folder / "the crashpad")
        properties = {"CrashpadDir": place, "CrashpadDebugDir": place} | properties
        own = "".join(f"<{name}>{text}</{name}>" for name, text in properties.items())
        told = "".join(f'<Message Importance="high" Text="[{name}=$({name})]" />' for name in TOLD)
        text = PROJECT.replace("@PROPERTIES@", own).replace("@MESSAGES@", told)
        (self.folder / "game.proj").write_text(text.replace("@RUNTIME@", compiled))
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)} | dict(variables)
        done = subprocess.run(
            ["xbuild", "/nologo", "game.proj"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found = dict(re.findall(r"\[(\w+)=([^\n]*)\]$", done.stdout, re.MULTILINE))
        return done.returncode, done.stdout, found


def definitions(text, item):
    """What the sheet's ItemDefinitionGroup says of an item."""
    (group,) = ET.fromstring(text).iter(f"{SPACE}ItemDefinitionGroup")  # noqa: S314 (our own)
    return {row.tag.removeprefix(SPACE): row.text for row in group.find(f"{SPACE}{item}")}


@pytest.fixture(autouse=True)
def _engine():
    if not shutil.which("xbuild"):
        pytest.skip("needs xbuild (Debian: mono-xbuild)")


WINDOWS_LAYOUTS = [layout for layout in LAYOUTS.values() if WINDOWS in layout.platforms]


def pairs():
    """Each layout with each runtime: the zip with all of them, the others often with one alone."""
    for index, layout in enumerate(WINDOWS_LAYOUTS):
        for runtime in RUNTIMES:
            often = layout.name == "backtrace-zip" or runtime == list(RUNTIMES)[index % 4]
            marks = [] if often else [pytest.mark.slow]
            yield pytest.param(layout, runtime, marks=marks, id=f"{layout.name}-{runtime}")


@pytest.mark.parametrize(("layout", "runtime"), list(pairs()))
def test_each_layout_gives_the_libraries_of_each_runtime(tmp_path, layout, runtime):
    build = Build(tmp_path, layout, runtime)

    status, said, found = build.run(CrashpadRuntime=runtime, compiled=RUNTIMES[runtime][0])

    assert status == 0, said
    assert found["CrashpadRuntimeLibrary"] == RUNTIMES[runtime][0]
    folders = [text.replace("\\", "/") for text in found["CrashpadLibraryPath"].split(";")]
    for name in found["CrashpadLibraries"].split(";"):
        assert any(os.path.exists(f"{folder}/{name}") for folder in folders), name  # noqa: PTH110
    assert (tmp_path / "out" / "crashpad_handler.exe").read_text() == "handler"
    assert "crash_reporting.cpp" in found["files"]


@pytest.mark.parametrize(("debug", "runtime"), [("true", "MDd"), ("false", "MD"), ("", "MD")])
def test_without_a_runtime_the_kind_of_build_decides(tmp_path, debug, runtime):
    build = Build(tmp_path, LAYOUTS["cmake"], runtime)
    status, said, found = build.run(UseDebugLibraries=debug)
    assert status == 0, said
    assert found["CrashpadRuntime"] == runtime


def test_a_file_of_another_runtime_is_named_before_the_linker_is(tmp_path):
    build = Build(tmp_path, LAYOUTS["backtrace-zip"], "MT")
    status, said, _ = build.run(CrashpadRuntime="MT", compiled="MultiThreadedDLL")
    assert status != 0
    assert "CRASHTOOL014" in said
    assert "main.cpp is compiled with MultiThreadedDLL" in said


@pytest.mark.parametrize(
    ("properties", "code", "words"),
    [
        ({"CrashpadRuntime": "static"}, "CRASHTOOL010", "it must be MT, MTd, MD or MDd"),
        ({"CrashpadDir": ""}, "CRASHTOOL011", "crashtool scaffold obtain"),
        ({"CrashpadDir": "/nowhere"}, "CRASHTOOL011", "/nowhere"),
        ({"CrashpadRuntime": "MTd", "CrashpadDebugDir": ""}, "CRASHTOOL012", "client.lib"),
        ({"CrashpadHandler": "/nowhere.exe"}, "CRASHTOOL013", "no crash is reported"),
    ],
)
def test_what_is_missing_stops_the_build_with_its_name(tmp_path, properties, code, words):
    build = Build(tmp_path, LAYOUTS["backtrace-zip"], "MT")
    status, said, _ = build.run(**({"CrashpadRuntime": "MT"} | properties))
    assert status != 0
    assert code in said
    assert words in said


def test_what_the_environment_gives_is_compiled_in(tmp_path):
    build = Build(tmp_path, LAYOUTS["cmake"], "MD")
    _, _, found = build.run(variables={"CRASH_REPORTING_URL": "https://example.com/a?b=c"})
    assert found["CrashReportingDefinitions"] == (
        'NOMINMAX;CRASH_REPORTING_URL="https://example.com/a?b=c"'
    )


@pytest.mark.parametrize("layout", WINDOWS_LAYOUTS, ids=lambda layout: layout.name)
def test_the_item_definitions_keep_what_a_project_has(tmp_path, layout):
    text = Build(tmp_path, layout).text
    compiled, linked = definitions(text, "ClCompile"), definitions(text, "Link")
    assert compiled["RuntimeLibrary"] == "$(CrashpadRuntimeLibrary)"
    assert "$(CrashpadIncludePath)" in compiled["AdditionalIncludeDirectories"]
    assert "$(CrashReportingDefinitions)" in compiled["PreprocessorDefinitions"]
    assert "$(CrashpadLibraries)" in linked["AdditionalDependencies"]
    assert "$(CrashpadLibraryPath)" in linked["AdditionalLibraryDirectories"]
    for rows in (compiled, linked):
        for name, value in rows.items():
            inherits = name not in ("RuntimeLibrary", "LanguageStandard")
            assert value.endswith(f"%({name})") == inherits
    needs_17 = find_release(layout.forks[0]).cxx == 17
    assert (compiled.get("LanguageStandard") == "stdcpp17") == needs_17
