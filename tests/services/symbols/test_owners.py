"""Whose a module is, and what may be advised for it."""

import pytest

from crashtool.formats.identifiers import DebugId
from crashtool.model.module import Module
from crashtool.model.symbol_lookup import Candidate
from crashtool.services.symbols.advice import advise
from crashtool.services.symbols.owners import (
    ANY_DISTRIBUTION,
    CHROMIUM,
    ELECTRON,
    MICROSOFT,
    MOZILLA,
    find_distribution,
    find_owner,
)

ID = DebugId.parse("30B1F97A8D0A4C1FBB1B3F0E7C1E2D3A1")


def module(code_file, debug_file=None, code_id="65000000ab000"):
    name = code_file.replace("\\", "/").rpartition("/")[2]
    return Module(0, 0, name, code_file, code_id, debug_file, ID)


@pytest.mark.parametrize(
    ("code_file", "debug_file", "owner"),
    [
        (r"C:\Windows\System32\ntdll.dll", "ntdll.pdb", MICROSOFT),
        (r"c:\windows\syswow64\kernelbase.dll", "wkernelbase.pdb", MICROSOFT),
        (r"D:\game\VCRUNTIME140.dll", "vcruntime140.amd64.pdb", MICROSOFT),
        (r"D:\game\MSVCP140_1.dll", None, MICROSOFT),
        (r"C:\Program Files\dotnet\shared\coreclr.dll", "coreclr.pdb", MICROSOFT),
        (r"C:\Program Files\Mozilla Firefox\xul.dll", "xul.pdb", MOZILLA),
        ("/home/u/firefox/libxul.so", "libxul.so", MOZILLA),
        ("/usr/lib/firefox-esr/libxul.so", "libxul.so", ANY_DISTRIBUTION),  # a build of its own
        (r"C:\Apps\Chat\Chat.exe", "electron.exe.pdb", ELECTRON),
        ("/Chat.app/Contents/Frameworks/Electron Framework", "Electron Framework", ELECTRON),
        (r"C:\Program Files\Google\Chrome\chrome.dll", "chrome.dll.pdb", CHROMIUM),
        ("libc.so.6", "libc.so.6", ANY_DISTRIBUTION),
        ("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", None, ANY_DISTRIBUTION),
        ("/usr/lib64/libGL.so.1", "libGL.so.1", ANY_DISTRIBUTION),
        (r"D:\game\game.exe", "game.pdb", None),
        (r"D:\Windows Games\game.exe", "game.pdb", None),
        ("/home/u/build/game", "game", None),
        ("/opt/chrome/chrome", "chrome", None),  # no symbols of Linux there
        ("/home/u/msvcp", "msvcp", None),
        ("libengine.so", "libengine.so", None),
        ("libcake.so.6", "libcake.so.6", None),
    ],
)
def test_modules_are_told_apart_by_who_made_them(code_file, debug_file, owner):
    code_id = "ab" * 20 if code_file.startswith(("/", "lib")) else "65000000ab000"

    assert find_owner(module(code_file, debug_file, code_id)) == owner


@pytest.mark.parametrize(
    ("code_file", "words"),
    [
        (
            r"C:\Windows\System32\ntdll.dll",
            "--symbol-server https://msdl.microsoft.com/download/symbols",
        ),
        ("libc.so.6", "--symbol-server debuginfod:https://"),
        ("/home/u/build/game", "add --symbols PATH, where PATH contains game"),
        ("/system/lib64/libart.so", ""),
        ("linux-vdso.so.1", ""),
    ],
)
def test_advice_names_the_option_that_helps(code_file, words):
    advice = advise(module(code_file), "game 1", ())

    assert words in advice.fix
    assert bool(advice.fix) == bool(words)
    assert "--symbols PATH" not in advice.upload
    assert "&&" not in advice.upload  # fetch ends with 4 when some module has no symbols there


def test_a_server_that_was_asked_is_not_advised_again():
    place = f"{MICROSOFT.server}/app.pdb/1/app.pdb"
    ntdll = module(r"C:\Windows\System32\ntdll.dll")

    asked = advise(ntdll, "ntdll.pdb 1", [Candidate(place, "not_found")])
    offline = advise(ntdll, "x", [Candidate(place, "not_found", note="not asked: --offline")])

    assert asked.fix.startswith("add --symbols PATH")
    assert offline.fix == "leave out --offline"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\n", "Debian"),
        ('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "Ubuntu"),
        ('ID="opensuse-tumbleweed"\n', "openSUSE"),
        ("ID=alpine\n", "the distribution"),
        ("", "the distribution"),
    ],
)
def test_the_distribution_is_read_from_os_release(tmp_path, text, name):
    path = tmp_path / "os-release"
    path.write_text(text)

    assert find_distribution(str(path)).name == name
    assert find_distribution(str(tmp_path / "absent")) == ANY_DISTRIBUTION
