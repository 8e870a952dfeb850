"""Archives of every kind: read as others write them; whole, damaged and cut."""

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives.bounds import Budget
from crashtool.formats.archives.opening import HEAD_BYTES, is_archive, is_packed, walk_contents
from tests.damage import attempt
from tests.synth.archives import build_ar, build_cpio, build_deb, build_rpm, build_zip, stored
from tests.synth.cabinet import build_cabinet
from tests.synth.squashfs import build_appimage, build_squashfs

CODE = random.Random(1).randbytes(3000) * 3 + b"\xe8\0\0\0\0call" * 400  # noqa: S311
FILES = {"bin/app": CODE, "notes.txt": b"hello" * 50, "empty": b""}
CHECKED = ("zip", "7z")  # kinds with checksums of what is in each file
MUTATIONS = int(os.environ.get("CRASHTOOL_FUZZ", "400"))


def read_all(stream):
    return b"".join(iter(lambda: stream.read(1000), b""))


def contents(data, name="a"):
    """Names and bytes; what cannot be read as its obstacle."""
    file = io.BytesIO(data)
    members = walk_contents(file, data[:HEAD_BYTES], Budget(len(data)), name)
    return {row.name: row.obstacle or read_all(row.stream) for row in members if not row.is_folder}


def zip_of(method, files=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("folder/", "")
        for name, content in (files or FILES).items():
            archive.writestr(name, content)
    return out.getvalue()


def tar_of(kind=tarfile.PAX_FORMAT, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=kind) as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "bin/app"
        archive.addfile(link)
    return out.getvalue()


def seven_zip_of(*filters, password=None):
    py7zr = pytest.importorskip("py7zr")
    chain = [{"id": getattr(py7zr, f"FILTER_{name}")} for name in filters] or None
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=chain, password=password) as archive:
        for name, content in FILES.items():
            archive.writestr(content, name)
    return out.getvalue()


def zstd_of(data):
    return pytest.importorskip("zstandard").compress(data)


def zstd_method():
    pytest.importorskip("zstandard")
    return "zstd"


KINDS = {
    "zip stored": lambda: zip_of(zipfile.ZIP_STORED),
    "zip deflate": lambda: zip_of(zipfile.ZIP_DEFLATED),
    "zip bzip2": lambda: zip_of(zipfile.ZIP_BZIP2),
    "zip lzma": lambda: zip_of(zipfile.ZIP_LZMA),
    "tar pax": tar_of,
    "tar gnu": lambda: tar_of(tarfile.GNU_FORMAT),
    "tar ustar": lambda: tar_of(tarfile.USTAR_FORMAT),
    "tar gz": lambda: tar_of(mode="w:gz"),
    "tar bz2": lambda: tar_of(mode="w:bz2"),
    "tar xz": lambda: tar_of(mode="w:xz"),
    "tar zst": lambda: zstd_of(tar_of()),
    "tar lzma": lambda: lzma.compress(tar_of(), lzma.FORMAT_ALONE),
    "cab": lambda: build_cabinet(FILES),
    "7z": seven_zip_of,
    "7z x86 lzma": lambda: seven_zip_of("X86", "LZMA"),
    "7z delta lzma2": lambda: seven_zip_of("DELTA", "LZMA2"),
    "7z arm lzma": lambda: seven_zip_of("ARM", "LZMA"),
    "7z bzip2": lambda: seven_zip_of("BZIP2"),
    "7z deflate": lambda: seven_zip_of("DEFLATE"),
    "7z zstd": lambda: seven_zip_of("ZSTD"),
    "7z copy": lambda: seven_zip_of("COPY"),
    "deb": lambda: build_deb("data.tar.xz", lzma.compress(tar_of())),
    "deb zst": lambda: build_deb("data.tar.zst", zstd_of(tar_of())),
    "deb plain": lambda: build_deb("data.tar", tar_of()),
    "rpm": lambda: build_rpm(gzip.compress(build_cpio(FILES))),
    "rpm zst": lambda: build_rpm(zstd_of(build_cpio(FILES))),
    "snap": lambda: build_squashfs(FILES),
    "snap xz": lambda: build_squashfs(FILES, method="xz"),
    "snap zst": lambda: build_squashfs(FILES, method=zstd_method()),
    "snap stored": lambda: build_squashfs(FILES, method="stored", fragments=False, large=True),
    "appimage": lambda: build_appimage(build_squashfs(FILES)),
}
PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd_of,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_of_every_file_comes_out(kind):
    data = KINDS[kind]()

    assert is_archive(data[:HEAD_BYTES]) or is_packed(data[:HEAD_BYTES])
    found = contents(data)
    found.setdefault("empty", b"")  # 7-Zip's list does not tell an empty file from a folder

    assert found == FILES


@pytest.mark.parametrize("suffix", PACKED)
def test_a_packed_file_gives_its_content_under_its_own_name(suffix):
    assert contents(PACKED[suffix](CODE), f"app.{suffix}") == {"app": CODE}


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_packed_files_one_after_the_other_are_one(suffix):
    pack = PACKED[suffix]

    assert contents(pack(CODE) + pack(b"more"), f"app.{suffix}") == {"app": CODE + b"more"}


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
def test_what_follows_a_packed_file_is_no_secret(suffix):
    with pytest.raises(MalformedFile, match="followed by something else"):
        contents(PACKED[suffix](CODE) + b"garbage", f"app.{suffix}")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_cut_packed_file_is_never_taken_for_a_whole_one(suffix):
    data = PACKED[suffix](CODE)

    for size in range(20, len(data) - 1, 97):
        with pytest.raises(MalformedFile, match="cut short"):
            contents(data[:size], f"app.{suffix}")


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_escapes_as_anything_but_an_error_of_ours(kind):
    whole = KINDS[kind]()
    chance = random.Random(kind)  # noqa: S311
    for _ in range(MUTATIONS):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        found, fault = attempt(contents, bytes(data))
        assert (found is None) == bool(fault)
        for name, content in (found or {}).items():
            is_whole = isinstance(content, str) or content == FILES.get(name, content)
            assert is_whole or not kind.startswith(CHECKED), name


def test_an_encrypted_member_is_named_and_the_others_are_read():
    data = bytearray(zip_of(zipfile.ZIP_STORED))
    place = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data[place + 8] |= 1

    found = contents(bytes(data))

    assert found["bin/app"] == "encrypted"
    assert found["notes.txt"] == FILES["notes.txt"]
    assert set(contents(seven_zip_of(password="secret")).values()) == {"encrypted"}  # noqa: S106


def test_a_method_that_is_not_read_is_named():
    assert "PPMd" in contents(seven_zip_of("PPMD"))["bin/app"]
    assert "Deflate64" in contents(build_zip([("a", 9, b"x", 5, 0)]))["a"]


def test_a_local_header_that_says_otherwise_is_damage():
    data = bytearray(build_zip([stored("app", CODE)]))
    data[30] ^= 1  # the name

    with pytest.raises(MalformedFile, match="another in its own header"):
        contents(bytes(data))


def test_an_archive_behind_a_program_is_found_where_it_is():
    with pytest.raises(InputUnusable):
        contents(b"PK\3\4" + bytes(100))
    data = zip_of(zipfile.ZIP_DEFLATED)

    assert contents(b"PK\3\4" + bytes(60) + data)["bin/app"] == CODE


def test_many_members_do_not_take_long(tmp_path):
    data = build_zip([stored(str(number), b"x") for number in range(20_000)])

    assert len(contents(data)) == 20_000


def test_a_static_library_is_no_package():
    assert not is_archive(build_ar({"a.o": b"x"})[:HEAD_BYTES])


def test_a_split_zip_says_how_to_join_it():
    data = bytearray(zip_of(zipfile.ZIP_STORED))
    data[data.rindex(b"PK\5\6") + 4] = 1

    with pytest.raises(InputUnusable, match="split") as caught:
        contents(bytes(data))
    assert "zip -s0" in caught.value.hint


def test_a_zip_of_more_than_4_gib_is_read(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("app", "w", force_zip64=True) as member:
        member.write(CODE)
    data = bytearray(out.getvalue())

    assert contents(bytes(data)) == {"app": CODE}


@pytest.mark.parametrize("name", ["n" * 90 + "/" + "m" * 90, "n" * 300, "ü"])
@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_in_tar_archives_are_whole(name, kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))

    assert contents(out.getvalue()) == {name: b"x"}
