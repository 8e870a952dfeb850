"""The .targets file in a build engine that reads it as MSBuild does: Mono's xbuild."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from crashtool.services.integration.scaffold import read_scaffold
from crashtool.services.receiver.app import start_receiver
from tests.synth.object_files import build_pe
from tests.synth.pdb import build_pdb

pytestmark = pytest.mark.toolchain
CRASHTOOL = Path(sys.executable).with_name("crashtool")
# A shape of project: what its own files say, and what its linker says of each object file.
SHAPES = {
    "application": ("<ConfigurationType>Application</ConfigurationType>",
                    ("<OutputFile>OUT/app.exe</OutputFile>"
                    "<ProgramDatabaseFile>OUT/app.pdb</ProgramDatabaseFile>")),
    "names its PDB itself": ("<ConfigurationType>DynamicLibrary</ConfigurationType>",
                             ("<OutputFile>out dir/app.exe</OutputFile>"
                             "<ProgramDatabaseFile>pdb dir/app.pdb</ProgramDatabaseFile>")),
    "links elsewhere": (("<ConfigurationType>Application</ConfigurationType>"
                        "<TargetPath>nowhere/other.exe</TargetPath>"),
                        "<OutputFile>out dir/app.exe</OutputFile>"),
    "a linker that tells nothing": ("<ConfigurationType>Application</ConfigurationType>", ""),
    "static library": (("<ConfigurationType>StaticLibrary</ConfigurationType>"
                       "<TargetPath>$(TargetDir)core.lib</TargetPath>"), None),
    "utility": ("<ConfigurationType>Utility</ConfigurationType>", None),
    "makefile": ("<ConfigurationType>Makefile</ConfigurationType>", None),
    "C#": ("<OutputType>Exe</OutputType>", None),
    "no target": ("<TargetPath></TargetPath>", None),
}  # fmt: skip
LINKED = ("application", "names its PDB itself", "links elsewhere", "a linker that tells nothing")
PROJECT = """\
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <PropertyGroup>
    <Configuration>Release</Configuration>
    <TargetDir>$(MSBuildProjectDirectory)/out dir/</TargetDir>
    <TargetName>app</TargetName>
    <TargetPath>$(TargetDir)app.exe</TargetPath>
    <Version>1.2.3</Version>
    PROPERTIES
  </PropertyGroup>
  <Target Name="Link">
    <ItemGroup>LINK</ItemGroup>
  </Target>
  <Target Name="Build" DependsOnTargets="Link" />
  <Import Project="Crashtool.Symbols.targets" />
</Project>
"""


class Build:
    """A project whose build links nothing, for its program and its PDB are there."""

    def __init__(self, folder):
        self.folder = folder
        self.output = folder / "out dir"
        self.output.mkdir(parents=True)
        (self.output / "app.exe").write_bytes(build_pe())
        (self.output / "app.pdb").write_bytes(build_pdb())
        (folder / "Crashtool.Symbols.targets").write_text(read_scaffold("msbuild"))

    def run(self, debug="DebugFull", variables=(), shape="application", **properties):
        own, metadata = SHAPES[shape]
        debug = f"<GenerateDebugInformation>{debug}</GenerateDebugInformation>"
        objects = (
            ""
            if metadata is None
            else "".join(
                f'<Link Include="{name}.obj">{debug}{metadata}</Link>' for name in ("main", "other")
            )
        )
        # Whole paths, for xbuild does not expand properties in metadata that a target adds.
        objects = objects.replace("OUT", str(self.output))
        project = PROJECT.replace("PROPERTIES", own).replace("LINK", objects)
        (self.folder / "game.proj").write_text(project)
        properties.setdefault("CrashtoolExecutable", CRASHTOOL)
        options = [f"/p:{name}={value}" for name, value in properties.items()]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(
            ["xbuild", "/nologo", *options, "game.proj"],
            cwd=self.folder,
            env=environment | dict(variables),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def build(tmp_path):
    if not shutil.which("xbuild"):
        pytest.skip("needs xbuild (Debian: mono-xbuild)")
    return Build(tmp_path / "project")


def test_a_release_in_ci_uploads_program_and_pdb(build, tmp_path):
    with start_receiver(tmp_path / "inbox") as receiver:
        url = receiver.submission_url("symbols")
        status, said = build.run(variables={"CI": "true", "CRASHTOOL_SYMBOLS_URL": url})
        (report,) = receiver.inbox.reports()
        (file,) = report.files
        with zipfile.ZipFile(file.path) as archive:
            stored = archive.namelist()
    assert status == 0, said
    assert stored == ["app.exe", "app.pdb"]
    assert report.query["tag"] == "1.2.3"


@pytest.mark.parametrize(
    ("variables", "properties"),
    [
        ({}, {}),
        ({"CI": "true"}, {"Configuration": "Debug"}),
        ({"CI": "true"}, {"CrashtoolUploadSymbols": "false"}),
    ],
)
def test_other_builds_upload_nothing(build, variables, properties):
    status, said = build.run(variables=variables, **properties)
    assert status == 0
    assert "upload-symbols" not in said


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_project_builds_and_what_it_links_is_checked_once(build, shape):
    if shape == "names its PDB itself":
        (build.folder / "pdb dir").mkdir()
        (build.output / "app.pdb").rename(build.folder / "pdb dir" / "app.pdb")
    fake = build.folder / "fake crashtool"
    fake.write_text('#!/bin/sh\nfor a; do printf "<%s>" "$a"; done; echo\n')
    fake.chmod(0o755)

    status, said = build.run(
        shape=shape,
        CrashtoolUploadSymbols="true",
        CrashtoolExecutable=fake,
        CrashtoolSymbolsOptions="--dry-run",
    )

    assert status == 0, said
    calls = [line for line in said.splitlines() if "<upload-symbols>" in line]
    assert len(calls) == (1 if shape in LINKED else 0), said
    for line in calls:
        program, pdb = line.split("><")[1:3]
        assert program.endswith("out dir/app.exe")
        assert (build.folder / pdb).is_file()
        assert "<--tag><1.2.3><--dry-run>" in line


@pytest.mark.parametrize("configuration", ["Release", "RelWithDebInfo", "MinSizeRel"])
def test_each_configuration_of_a_release_counts(build, configuration):
    _, said = build.run(
        variables={"CI": "true"}, Configuration=configuration, CrashtoolSymbolsOptions="--dry-run"
    )
    assert "upload-symbols" in said


@pytest.mark.parametrize("shape", LINKED)
def test_without_a_pdb_the_build_fails(build, shape):
    (build.output / "app.pdb").unlink()
    status, said = build.run(shape=shape, CrashtoolUploadSymbols="true")
    assert status == 1
    assert "error CRASHTOOL003" in said
    assert "upload-symbols" not in said


def test_what_the_gate_refuses_fails_the_build(build, truth):
    for place in ("msvc-x64/crasher.exe", "gnu-x64/crasher.pdb"):
        path = truth / "windows" / "bin" / place
        shutil.copy(path, build.output / f"app{path.suffix}")
    status, said = build.run(CrashtoolUploadSymbols="true", CrashtoolSymbolsOptions="--dry-run")
    assert status == 1
    assert "app.exe" in said
    assert "mismatch" in said


@pytest.mark.parametrize(
    ("debug", "code"), [("false", "CRASHTOOL001"), ("DebugFastLink", "CRASHTOOL002")]
)
def test_a_linker_without_a_full_pdb_is_warned_of(build, debug, code):
    _, said = build.run(debug, CrashtoolUploadSymbols="true", CrashtoolSymbolsOptions="--dry-run")
    assert f"warning {code}" in said
    _, said = build.run(CrashtoolUploadSymbols="true", CrashtoolSymbolsOptions="--dry-run")
    assert "warning CRASHTOOL" not in said
