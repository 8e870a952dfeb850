"""Changing minidumps that exist: which bytes change, and what real readers find afterwards."""

import struct

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.minidump import streams, structs
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.graft import Graft, graft_annotations, graft_stream
from crashtool.formats.minidump.writer import Block, pack_crashpad_info
from tests.conftest import SHARED
from tests.formats.minidump.test_writer import INFO
from tests.synth.minidump import MinidumpBuilder, full_dump

NEW = {"prod": "Gäme 2", "note": "", "z": "x" * 70_000}
HARMLESS = (streams.CRASHPAD_INFO, streams.UNUSED)
STRANGE = 0x7FFF0000  # a stream type of nobody


def apply(graft, data, piece=1000):
    pieces = (data[start : start + piece] for start in range(0, len(data), piece))
    return b"".join(graft.walk(pieces))


def annotate(data, annotations=NEW):
    return apply(graft_annotations(Minidump(data), annotations), data)


def pack_with(info):
    return full_dump().set_crashpad(info).pack()


def pack_without():
    builder = full_dump()
    builder.crashpad = None
    return builder.pack()


def retype(data, wanted, new):
    """The same dump with one stream under another number in its directory."""
    dump = Minidump(data)
    changed = bytearray(data)
    for index, row in enumerate(dump.directory):
        if row.stream_type == wanted:
            number = new + index if new == STRANGE else new
            struct.pack_into("<I", changed, dump.header.directory_rva + 12 * index, number)
    return bytes(changed)


def check_kept(data, changed, *, most):
    """Whatever is in a dump is in the changed one; at most so many of its bytes are others."""
    before, after = Minidump(data), Minidump(changed)
    differing = sum(one != other for one, other in zip(data, changed, strict=False))
    assert differing <= most
    assert len(changed) >= len(data)
    rows = [row for row in before.directory if row.stream_type not in HARMLESS]
    assert [row for row in after.directory if row.stream_type not in HARMLESS] == rows
    for row in rows:
        assert changed[row.rva : row.rva + row.size] == data[row.rva : row.rva + row.size]
    kept, found = before.crashpad, after.crashpad
    if kept:
        assert found._replace(annotations=()) == kept._replace(annotations=())
    assert after.problems == before.problems


def test_the_stream_stays_where_it_is_and_eight_bytes_of_it_change():
    data = pack_with(INFO)
    place = Minidump(data).find_place(streams.CRASHPAD_INFO)

    graft = graft_annotations(Minidump(data), NEW)

    ((offset, patch),) = graft.patches
    assert (offset, len(patch)) == (place.rva + 36, 8)  # MinidumpCrashpadInfo.simple_annotations
    check_kept(data, apply(graft, data), most=8)


def test_others_are_kept_the_same_key_is_replaced_and_new_ones_follow():
    assert Minidump(annotate(pack_with(INFO))).crashpad.annotations == (
        ("prod", "Gäme 2"),
        ("empty", ""),
        ("note", ""),
        ("z", "x" * 70_000),
    )


def test_a_list_of_none_is_filled():
    data = pack_with(INFO._replace(annotations=()))
    assert Minidump(annotate(data)).crashpad.annotations == tuple(NEW.items())


def test_texts_that_are_no_text_and_longer_than_is_read_stay_as_they_are():
    raw, long = "\udcff\udc80", "y" * (1 << 20)
    data = pack_with(INFO._replace(annotations=(("k", raw), ("long", long), ("old", "1"))))

    graft = graft_annotations(Minidump(data), {"old": "2"})

    assert len(graft.tail) < 64  # their texts are not written again
    assert Minidump(apply(graft, data)).crashpad.annotations == (
        ("k", raw),
        ("long", long),
        ("old", "2"),
    )


def test_a_key_that_is_there_twice_is_there_once_afterwards():
    data = pack_with(INFO._replace(annotations=(("k", "1"), ("a", "b"), ("k", "2"))))
    assert Minidump(annotate(data, {"k": "1"})).crashpad.annotations == (("k", "1"), ("a", "b"))


def test_a_stream_of_52_bytes_and_one_with_more_than_is_known_keep_their_size():
    data = pack_with(INFO)
    dump = Minidump(data)
    index = [row.stream_type for row in dump.directory].index(streams.CRASHPAD_INFO)
    for size in (52, 72):
        other = bytearray(data)
        struct.pack_into("<I", other, dump.header.directory_rva + 12 * index + 4, size)
        changed = annotate(bytes(other))
        assert Minidump(changed).find_place(streams.CRASHPAD_INFO).size == size
        assert dict(Minidump(changed).crashpad.annotations)["note"] == ""


def test_a_second_time_nothing_changes():
    for data in (pack_with(INFO), pack_without()):
        changed = annotate(data)
        assert graft_annotations(Minidump(changed), NEW) == Graft()
        assert graft_annotations(Minidump(changed), {"note": ""}) == Graft()


def test_without_a_stream_one_is_made_and_a_longer_directory_behind_it():
    data = pack_without()
    changed = annotate(data)

    check_kept(data, changed, most=structs.MinidumpHeader.SIZE)
    before, after = Minidump(data), Minidump(changed)
    assert after.crashpad.annotations == tuple(NEW.items())
    assert (after.crashpad.report_id.int, after.crashpad.client_id.int) == (0, 0)
    assert after.header == before.header.replace(
        stream_count=before.header.stream_count + 1, directory_rva=after.header.directory_rva
    )
    assert after.header.directory_rva >= len(data)


def test_an_unused_entry_of_the_directory_is_taken():
    data = retype(pack_with(INFO), streams.CRASHPAD_INFO, streams.UNUSED)
    changed = annotate(data)

    check_kept(data, changed, most=structs.Directory.SIZE)
    assert Minidump(changed).header == Minidump(data).header
    assert Minidump(changed).crashpad.annotations == tuple(NEW.items())


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_change_does_not_depend_on_the_pieces_it_is_made_in(piece):
    data = MinidumpBuilder().add_system().pack()
    graft = graft_annotations(Minidump(data), {"a": "b"})
    assert apply(graft, data, piece) == apply(graft, data)


@pytest.mark.parametrize("has_stream", [True, False])
def test_any_stream_can_be_put_in(has_stream):
    data = (pack_with(INFO) if has_stream else pack_without()) + b"odd"
    info = INFO._replace(annotations=(("only", "this"),))
    graft = graft_stream(Minidump(data), streams.CRASHPAD_INFO, pack_crashpad_info(info))
    after = Minidump(apply(graft, data))
    assert after.crashpad == info
    assert not after.problems


def test_a_dump_cut_anywhere_is_refused_or_loses_nothing():
    """What is appended to a cut file would be read as what is missing."""
    data = pack_with(INFO)
    refused = 0
    for end in range(structs.MinidumpHeader.SIZE, len(data)):
        cut = data[:end]
        try:
            changed = annotate(cut)
        except MalformedFile:
            refused += 1
            continue
        check_kept(cut, changed, most=8)
        assert Minidump(changed).modules == Minidump(data).modules
        assert tuple(Minidump(changed).memory.ranges) == tuple(Minidump(data).memory.ranges)
    assert refused > len(data) * 0.9


def test_what_a_cut_dump_lacks_is_named_with_the_end_and_a_way_out():
    builder = MinidumpBuilder().add_system().add_memory(0x1000, bytes(64))
    data = builder.pack()[:-8]
    with pytest.raises(MalformedFile, match=r"cut short or damaged: .* goes on to 0x") as caught:
        graft_annotations(Minidump(data), {"a": "b"})
    assert caught.value.offset == len(data)
    assert "send-dump --annotation" in caught.value.hint


def test_annotations_that_cannot_be_read_are_not_lost():
    data = bytearray(pack_with(INFO))
    place = Minidump(bytes(data)).find_place(streams.CRASHPAD_INFO)
    rva = structs.CrashpadInfoRecord.read(data, place.rva).simple_annotations_rva
    struct.pack_into("<I", data, rva + 4, 0xFFFFFFF0)  # the first key
    with pytest.raises(MalformedFile, match="what goes on to 0xfffffff4"):
        graft_annotations(Minidump(bytes(data)), {"a": "b"})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("simple_annotations_size", 12, "annotations: 1 of 2 entries fit"),
        ("simple_annotations_size", 3, "annotations cut short"),
    ],
)
def test_a_list_that_is_shorter_than_it_says_is_refused(field, value, message):
    data = bytearray(pack_with(INFO))
    place = Minidump(bytes(data)).find_place(streams.CRASHPAD_INFO)
    offset = place.rva + structs.CrashpadInfoRecord.offset_of(field)
    struct.pack_into("<I", data, offset, value)
    with pytest.raises(MalformedFile, match=message):
        graft_annotations(Minidump(bytes(data)), {"a": "b"})


def test_a_stream_that_is_too_short_is_refused():
    data = pack_with(INFO)
    dump = Minidump(data)
    index = [row.stream_type for row in dump.directory].index(streams.CRASHPAD_INFO)
    other = bytearray(data)
    struct.pack_into("<I", other, dump.header.directory_rva + 12 * index + 4, 44)
    with pytest.raises(MalformedFile, match="CrashpadInfo cut short"):
        graft_annotations(Minidump(bytes(other)), {"a": "b"})


class Huge:
    """A dump that ends just under 4 GiB."""

    size = 0xFFFFFFF0
    directory = ()
    header = structs.MinidumpHeader()


def test_a_dump_that_would_pass_4_gib_is_refused_with_a_way_out():
    with pytest.raises(InputUnusable, match="would pass 4 GiB") as caught:
        graft_stream(Huge(), 1, Block(bytes(17)))
    assert "send-dump --annotation" in caught.value.hint


# ---- every real dump


def is_dump(path):
    with path.open("rb") as file:
        return file.read(4) == b"MDMP"


def list_dumps(root):
    return sorted(path for path in (SHARED / root).rglob("*") if path.is_file() and is_dump(path))


def walk_forms(data):
    """A dump as it is; without its stream, which leaves a free entry; and without one."""
    yield data
    if Minidump(data).find_place(streams.CRASHPAD_INFO):
        yield retype(data, streams.CRASHPAD_INFO, streams.UNUSED)
        yield retype(data, streams.CRASHPAD_INFO, STRANGE)
    else:
        yield retype(data, streams.UNUSED, STRANGE)


@pytest.mark.parametrize("root", ["corpus", "truth"])
def test_every_real_dump_keeps_every_other_byte_and_is_read_back(root):
    dumps = list_dumps(root)
    if not dumps:
        pytest.skip(f"needs {root}/ (set CRASHTOOL_SHARED to the folder that holds it)")
    forms = compared = longer = 0
    refused = []
    for path in dumps:
        for data in walk_forms(path.read_bytes()):
            try:
                changed = annotate(data)
            except MalformedFile:
                refused.append(path.name)
                continue
            had = Minidump(data).crashpad
            check_kept(data, changed, most=8 if had else structs.MinidumpHeader.SIZE)
            expected = (dict(had.annotations) if had else {}) | NEW
            assert Minidump(changed).crashpad.annotations == tuple(expected.items()), path
            assert annotate(changed) == changed, path
            forms, compared = forms + 1, compared + len(data)
            longer += len(changed) - len(data)
    print(
        f"\n{root}: {len(dumps)} dumps, {forms} forms, {compared:,} bytes compared, "
        f"{longer:,} appended, refused: {sorted(set(refused))}"
    )
    assert len(set(refused)) <= len(dumps) // 20
