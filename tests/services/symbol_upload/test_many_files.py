"""Many small files are graded by several processes, as one would grade them."""

import shutil
import subprocess

import pytest

from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload import quality
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.quality import grade_files

BUILD_ID = b"\x01\x23\x45\x67" * 5
SOURCE = "int g(int); int f(int a) { return g(a) + g(a + 1); } int h(int a) { return f(a) * 2; }"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    if not shutil.which("gcc"):
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("many")
    source, first = folder / "small.c", folder / "first"
    source.write_text(SOURCE)
    options = ["-g", "-shared", "-fPIC", f"-Wl,--build-id=0x{BUILD_ID.hex()}"]
    subprocess.run(["gcc", *options, "-o", first, source], check=True, timeout=60)
    data = first.read_bytes()
    made = folder / "libraries"
    made.mkdir()
    for number in range(12):
        own = number.to_bytes(4, "big") + BUILD_ID[4:]
        (made / f"lib{number:02}.so").write_bytes(data.replace(BUILD_ID, own))
    (made / "damaged.so").write_bytes(data[:4000])
    return made


def collect(folder):
    with Scratch() as scratch:
        return SymbolFileSearch(scratch).collect([str(folder)]).files


@pytest.mark.parametrize(("name", "value"), [("MANY", 5), ("LARGE", 1)])
def test_several_processes_grade_as_one_does(libraries, monkeypatch, name, value):
    files = collect(libraries)
    assert len(files) >= 12
    alone = grade_files(files)
    asked = []
    share = quality.share_among_processes
    monkeypatch.setattr(
        quality, "share_among_processes", lambda *given: asked.append(given[3]) or share(*given)
    )
    monkeypatch.setattr(quality, name, value)
    monkeypatch.setattr(quality, "count_workers", lambda _asked: 2)

    assert grade_files(files) == alone
    assert asked == [2]
    assert sum(row.qualities[0].lines for row in alone) == 12
