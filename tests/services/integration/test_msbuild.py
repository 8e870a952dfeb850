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
from tests.synth.object_files import build_pdb, build_pe

CRASHTOOL = Path(sys.executable).with_name("crashtool")
PROJECT = """\
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
  <PropertyGroup>
    <Configuration>Release</Configuration>
    <TargetDir>$(MSBuildProjectDirectory)/out dir/</TargetDir>
    <TargetName>app</TargetName>
    <TargetPath>$(TargetDir)app.exe</TargetPath>
    <Version>1.2.3</Version>
  </PropertyGroup>
  <ItemGroup>
    <Link Include="app.obj"><GenerateDebugInformation>DEBUG</GenerateDebugInformation></Link>
  </ItemGroup>
  <Target Name="Link" />
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

    def run(self, debug="DebugFull", variables=(), **properties):
        (self.folder / "game.proj").write_text(PROJECT.replace("DEBUG", debug))
        properties.setdefault("CrashtoolExecutable", CRASHTOOL)
        options = [f"/p:{name}={value}" for name, value in properties.items()]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(
            ["xbuild", "/nologo", *options, "game.proj"],
            cwd=self.folder, env=environment | dict(variables), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
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


def test_without_a_pdb_the_build_fails(build):
    (build.output / "app.pdb").unlink()
    status, said = build.run(CrashtoolUploadSymbols="true")
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
