"""SquashFS images: as mksquashfs makes them, and as nobody should."""

import os
import random
import shutil
import subprocess
from collections import Counter
from io import BytesIO

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.archives import squashfs_tables as tables
from crashtool.formats.archives.bounds import Budget, TooMuch
from crashtool.formats.archives.opening import HEAD_BYTES, is_archive, walk_contents
from crashtool.formats.archives.refusals import NotOpened
from crashtool.formats.archives.squashfs import walk_members
from tests.synth import squashfs_images
from tests.synth.squashfs import PACKERS, Sparse, build_appimage, build_squashfs

SIZES = {
    "Superblock": 96,
    "InodeHead": 16,
    "FolderInode": 16,
    "LargeFolderInode": 24,
    "FileInode": 16,
    "LargeFileInode": 40,
    "DirectoryHead": 12,
    "DirectoryEntry": 8,
    "Fragment": 16,
}
MANY = {f"d{n % 7}/f{n}": random.Random(n).randbytes(n * 7 % 9000) for n in range(700)}  # noqa: S311


def contents(data):
    """Each file's bytes by its name."""
    members = walk_contents(BytesIO(data), data[:HEAD_BYTES], Budget(len(data)), "a")
    return {
        row.name: b"".join(iter(lambda row=row: row.stream.read(1000), b""))
        for row in members
        if not row.is_folder
    }


def changed(struct, /, **fields):
    """What changes all structs of a kind while an image is built."""
    return lambda row: row.replace(**fields) if isinstance(row, struct) else row


@pytest.mark.parametrize("name", SIZES)
def test_structs_have_the_sizes_of_the_kernels_header(name):
    assert SIZES[name] == getattr(tables, name).SIZE


@pytest.mark.parametrize("method", ["gzip", "xz", "zstd"])
def test_an_image_of_mksquashfs_gives_every_byte_of_every_file(method):
    if method == "zstd":
        pytest.importorskip("zstandard")

    assert contents(squashfs_images.IMAGES[method]) == squashfs_images.FILES


@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="needs mksquashfs")
@pytest.mark.parametrize("options", [[], ["-no-fragments"], ["-noI", "-noD", "-noF"], ["-b", "1M"]])
@pytest.mark.parametrize("method", PACKERS)
def test_what_mksquashfs_makes_here_is_read(tmp_path, method, options):
    pytest.importorskip("zstandard")
    for name, content in MANY.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    command = ["mksquashfs", "root", "image", "-comp", method, "-no-progress", *options]
    if subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip(f"needs a mksquashfs with {method}")

    assert contents((tmp_path / "image").read_bytes()) == MANY


@pytest.mark.skipif(not shutil.which("unsquashfs"), reason="needs unsquashfs")
@pytest.mark.parametrize("large", [False, True])
def test_what_the_tests_build_is_read_by_others(tmp_path, large):
    (tmp_path / "image").write_bytes(build_squashfs(MANY, large=large) + bytes(4096))
    command = ["unsquashfs", "-no-xattrs", "-quiet", "-no-progress", "-dest", "out", "image"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    assert all((tmp_path / "out" / name).read_bytes() == MANY[name] for name in MANY)


@pytest.mark.parametrize("fragments", [False, True])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("method", PACKERS)
def test_inodes_and_listings_that_go_on_in_other_blocks_are_read(method, large, fragments):
    pytest.importorskip("zstandard")

    assert contents(build_squashfs(MANY, method=method, large=large, fragments=fragments)) == MANY


def test_folders_are_named_as_folders():
    rows = [row.name for row in walk_members(BytesIO(build_squashfs({"a/b/c": b""})), Budget(0))]

    assert rows == ["a/", "a/b/", "a/b/c"]


def test_the_image_of_an_appimage_is_found_behind_its_runtime():
    data = build_appimage(build_squashfs(MANY))

    assert is_archive(data[:HEAD_BYTES])
    assert contents(data) == MANY


@pytest.mark.parametrize(("image", "word"), [(b"DWARFS\2\5", "DwarFS"), (b"x" * 99, "unknown")])
def test_an_appimage_with_another_image_is_not_opened(image, word):
    with pytest.raises(NotOpened, match=word):
        contents(build_appimage(image))


def test_an_appimage_that_ends_with_its_runtime_is_cut_short():
    with pytest.raises(MalformedFile, match="cut short"):
        contents(build_appimage(b""))


@pytest.mark.parametrize("method", ["lzo", "lz4"])
def test_a_compressor_that_is_not_read_is_named(method):
    data = build_squashfs({"a": b"x"}, method=method)

    assert not is_archive(data[:HEAD_BYTES])
    with pytest.raises(NotOpened, match=f"packed by {method.upper()}"):
        contents(build_appimage(data))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (changed(tables.Superblock, block_size=1 << 30, block_log=30), "has blocks of"),
        (changed(tables.Superblock, block_log=13), "has blocks of"),
        (changed(tables.Superblock, size=1 << 40), "is cut short"),
        (changed(tables.Superblock, inodes=1 << 40), "a block that is not in it|out of itself"),
        (changed(tables.Superblock, fragments=1 << 63), "points out of itself"),
        (changed(tables.Superblock, fragment_count=0), "in fragment 0, which there is not"),
        (changed(tables.InodeHead, number=0), "an inode has number 0"),
        (changed(tables.InodeHead, number=1 << 31), "an inode has number"),
        (changed(tables.InodeHead, kind=2), "its root is not a folder"),
        (changed(tables.InodeHead, kind=77), "an inode of kind 77"),
        (changed(tables.DirectoryEntry, kind=9), "an entry of kind 9"),
        (changed(tables.DirectoryEntry, kind=1), "leads to another inode"),
        (changed(tables.DirectoryEntry, offset=9000), "bytes into a block"),
        (
            changed(tables.DirectoryEntry, name_size_less_one=0xFFFF),
            "out of itself|not in it|longer",
        ),
        (changed(tables.DirectoryHead, count_less_one=300), "a directory with 301 entries"),
        (changed(tables.DirectoryHead, count_less_one=1), "longer than it says|kind|block|out of"),
        (changed(tables.DirectoryHead, block=1 << 31), "out of itself"),
        (changed(tables.FolderInode, size=0xFFFF), "out of itself|block|entries|kind"),
        (changed(tables.FileInode, start=0xFFFFFFF0), "not in it"),
        (changed(tables.FileInode, fragment=7), "in fragment 7, which there is not"),
        (changed(tables.FileInode, offset=4000), "shorter or longer"),
        (changed(tables.FileInode, size=0xFFFFFFFF), "block"),
        (changed(tables.Fragment, start=1), "not in it"),
        (changed(tables.Fragment, size=0), "a block of 0 bytes"),
        (changed(tables.Fragment, size=1 << 28), "a block of 0 bytes"),
        (changed(tables.Fragment, size=4095), "damaged|not in it|cut short"),
    ],
)
def test_fields_that_lie_are_damage_with_the_place(edit, words):
    data = build_squashfs({"app": bytes(range(256)) * 40}, edit=edit)

    with pytest.raises(MalformedFile, match=words) as caught:
        contents(data)
    assert "at offset 0x" in caught.value.what


def test_the_place_of_damage_is_that_in_the_file_of_an_appimage():
    image = build_squashfs({"a": b"x" * 100}, edit=changed(tables.InodeHead, number=0))
    places = []
    for data in (image, build_appimage(image)):
        with pytest.raises(MalformedFile) as caught:
            contents(data)
        places.append(caught.value.offset)

    assert places[1] - places[0] == len(build_appimage(image)) - len(image)


@pytest.mark.parametrize("name", ["..", ".", "a\0b"])
def test_a_name_that_leads_elsewhere_is_damage(name):
    with pytest.raises(MalformedFile, match="a name that cannot be"):
        contents(build_squashfs({name: b"x"}))


def test_a_name_with_a_slash_is_damage():
    data = build_squashfs({"a_b": b"x"}, method="stored").replace(b"a_b", b"a/b")

    with pytest.raises(MalformedFile, match="a name that cannot be"):
        contents(data)


@pytest.mark.parametrize("target", ["itself", "its sister"])
def test_a_folder_in_itself_or_in_two_is_damage(target):
    whole = build_squashfs({"a/x": b"1", "b/y": b"2"})
    place = {"itself": tables.Superblock.read(whole).root & 0xFFFF, "its sister": None}[target]
    seen = []

    def edit(row):
        if isinstance(row, tables.DirectoryEntry) and row.kind == tables.FOLDER:
            seen.append(row.offset)
            return row.replace(offset=seen[0] if place is None else place)
        return row

    with pytest.raises(MalformedFile, match="lies in itself, or in two others"):
        contents(build_squashfs({"a/x": b"1", "b/y": b"2"}, edit=edit))


def test_folders_that_lie_too_deep_are_refused():
    assert len(contents(build_squashfs({"d/" * 200 + "x": b"1"}))) == 1
    with pytest.raises(MalformedFile, match="too deep"):
        contents(build_squashfs({"d/" * 300 + "x": b"1"}))


def test_a_huge_count_of_files_is_refused_at_once():
    data = build_squashfs({"a": b""}, edit=changed(tables.Superblock, inode_count=0xFFFFFFFF))

    with pytest.raises(InputUnusable, match="of 4,294,967,295 files"):
        contents(data)


def test_a_sparse_file_gives_its_zeros_and_is_counted(monkeypatch):
    monkeypatch.setattr("crashtool.formats.archives.bounds.FREE_BYTES", 4 << 20)
    head = b"x" * 4096

    assert contents(build_squashfs({"a": Sparse(head, 1 << 20)}))["a"] == head + bytes(1044480)
    with pytest.raises(TooMuch):
        contents(build_squashfs({"a": Sparse(head, 1 << 30)}))


@pytest.mark.parametrize("fragments", [False, True])
@pytest.mark.parametrize("method", ["gzip", "stored"])
def test_bytes_that_many_files_share_are_counted_for_each(monkeypatch, method, fragments):
    monkeypatch.setattr("crashtool.formats.archives.bounds.FREE_BYTES", 1 << 20)
    content = random.Random(1).randbytes(3000)  # noqa: S311
    files = {f"{n}": content for n in range(3000)}
    edit = changed(tables.FileInode, offset=0) if fragments else None
    data = build_squashfs(files, fragments=fragments, method=method, edit=edit)
    members = walk_members(BytesIO(data), Budget(0))

    with pytest.raises(TooMuch):
        sum(len(member.stream.read(1 << 16)) for member in members)


def test_entries_without_bytes_are_counted_too(monkeypatch):
    monkeypatch.setattr("crashtool.formats.archives.bounds.FREE_BYTES", 1 << 20)
    data = build_squashfs({f"{n:05}": b"" for n in range(30_000)})

    with pytest.raises(TooMuch):
        for _ in walk_members(BytesIO(data), Budget(0)):
            pass


def test_what_is_shared_is_unpacked_once(monkeypatch):
    import zlib

    made = Counter()

    def count(*arguments):
        made["blocks"] += 1
        return zlib_decompressor(*arguments)

    zlib_decompressor = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", count)
    files = {f"{n:04}": b"%d" % n for n in range(1000)}

    assert contents(build_squashfs(files)) == files
    assert made["blocks"] < 30


@pytest.mark.parametrize("method", PACKERS)
def test_an_image_that_is_cut_anywhere_is_never_taken_for_a_whole_one(method):
    pytest.importorskip("zstandard")
    data = build_squashfs({"app": bytes(range(256)) * 40, "b/c": b"x"}, method=method)

    for size in range(1, len(data), 1 + len(data) // 200):
        with pytest.raises(InputUnusable):
            contents(build_appimage(data[:size]))


@pytest.mark.skipif(os.name == "nt", reason="needs a symbolic link")
@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="needs mksquashfs")
def test_links_are_passed_over(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "app").write_bytes(b"app")
    (root / "out").symlink_to("/etc")
    (root / "loop").symlink_to(".")
    os.link(root / "app", root / "twin")
    command = ["mksquashfs", "root", "image", "-no-progress"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)

    assert contents((tmp_path / "image").read_bytes()) == {"app": b"app", "twin": b"app"}
