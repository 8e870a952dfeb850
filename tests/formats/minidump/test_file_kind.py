"""Files that are no minidump are named."""

import gzip
import io
import json
import tarfile
import zipfile
import zlib

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.file_kind import find_file_kind
from crashtool.formats.minidump.structs import VERSION, MinidumpHeader
from tests.synth.minidump import MinidumpBuilder

DUMP = MinidumpBuilder().add_system().pack()


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.dmp", DUMP)
    return stream.getvalue()


def tarred():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.dmp"))
    return stream.getvalue()


def elf(e_type, order):
    ident = b"\x7fELF\2" + (b"\2" if order == "big" else b"\1") + bytes(10)
    return ident + e_type.to_bytes(2, order) + bytes(44)


def mach_o(file_type, magic, order):
    return magic + bytes(8) + file_type.to_bytes(4, order) + bytes(16)


FILES = {
    "empty": (b"", "empty"),
    "zeros": (bytes(64), "made of zero bytes"),
    "incomplete_crashpad_dump": (
        MinidumpHeader(version=VERSION, stream_count=3).pack(),
        "an incomplete Crashpad dump",
    ),
    "kernel_dump": (b"PAGEDU64" + bytes(100), "a 64-bit Windows kernel crash dump"),
    "big_endian_minidump": (b"PMDM" + bytes(28), "in big-endian byte order"),
    "gzip": (gzip.compress(DUMP), "gzip data"),
    "zip": (zipped(), "a zip archive"),
    "zlib": (zlib.compress(DUMP), "zlib data"),
    "xz": (b"\xfd7zXZ\0\0", "xz data"),
    "zstd": (b"\x28\xb5\x2f\xfd\0", "zstd data"),
    "tar": (tarred(), "a tar archive"),
    "cab": (b"MSCF\0\0\0\0", "a Windows cabinet"),
    "elf_core": (elf(4, "little"), "an ELF core file"),
    "elf": (elf(3, "big"), "an ELF program"),
    "pe": (b"MZ\x90\0", "a Windows program"),
    "pdb": (b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0", "a PDB"),
    "mach_o_core": (mach_o(4, b"\xcf\xfa\xed\xfe", "little"), "a Mach-O core file"),
    "mach_o": (mach_o(2, b"\xfe\xed\xfa\xcf", "big"), "a Mach-O program"),
    "symbol_file": (b"MODULE Linux x86_64 0 app\n", "a Breakpad symbol file"),
    "multipart": (
        b'--b\r\nContent-Disposition: form-data; name="guid"\r\n\r\nx\r\n',
        "the body of an upload request",
    ),
    "apple_ips": (
        json.dumps({"app_name": "x", "bug_type": "309"}).encode(),
        "an Apple crash report (.ips)",
    ),
    "json": (b' {"a": 1}', "JSON"),
    "apple_report": (b"Incident Identifier: 1\nHardware Model: x\n", "an Apple crash report"),
    "microdump": (
        b"W/google-breakpad( 77): -----BEGIN BREAKPAD MICRODUMP-----\n",
        "a Breakpad microdump",
    ),
    "unreal_crash": (b"CR1\0\0", "an Unreal Engine crash container"),
    "html": (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "an HTML page"),
    "xml": (b'<?xml version="1.0"?>', "an XML file"),
    "git_lfs": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "http": (b"HTTP/1.1 200 OK\r\n", "an HTTP message"),
    "text": (b"hello\n", "text"),
    "wrapped": (b"\1\2\3\4" + DUMP, "with a minidump inside, 4 bytes from its start"),
    "unknown": (b"\1\2\3\4", "of an unknown kind"),
}


@pytest.mark.parametrize("word", FILES)
def test_a_file_that_is_no_minidump_is_named_with_what_to_do(word):
    data, name = FILES[word]
    assert find_file_kind(data).word == word
    with pytest.raises(InputUnusable) as caught:
        Minidump(data, "crash.dmp")
    assert caught.value.what.startswith("crash.dmp is ")
    assert name in caught.value.what
    assert caught.value.what.endswith(", not a minidump")
    assert caught.value.hint


def test_a_universal_mach_o_file_is_named():
    assert "universal" in find_file_kind(b"\xca\xfe\xba\xbe\0\0\0\2").name


def test_a_signature_of_zeros_before_other_bytes_is_unknown():
    assert find_file_kind(bytes(4) + b"\xff" * 60).word == "unknown"


@pytest.mark.parametrize("data", [DUMP, b"MDMP", b"MDMP" + bytes(100)])
def test_a_minidump_is_left_to_the_reader(data):
    assert find_file_kind(data) is None
