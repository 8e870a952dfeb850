"""Opening minidumps: files that are missing, cut or large; the directory; what is kept lazily."""

import pytest

from crashtool.errors import InputUnusable, MalformedFile
from crashtool.formats.minidump import streams, structs
from crashtool.formats.minidump.dump_source import MAX_PROBLEMS, MAX_REPEATS
from crashtool.formats.minidump.file import MAX_STREAMS, Minidump
from crashtool.formats.minidump.writer import Block
from tests.synth.minidump import MinidumpBuilder, full_dump, write_minidump


def sentences(dump):
    return [problem.sentence for problem in dump.problems]


def with_header(data, **fields):
    header = structs.MinidumpHeader.read(data).replace(**fields)
    return header.pack() + data[structs.MinidumpHeader.SIZE :]


def test_a_file_is_mapped_and_let_go(tmp_path):
    path = tmp_path / "crash.dmp"
    path.write_bytes(full_dump().pack())
    with Minidump.open(path) as dump:
        assert dump.system.platform == "windows"
        assert dump.size == path.stat().st_size
    with pytest.raises(ValueError, match="mmap closed"):
        dump.read_raw_stream(streams.MODULE_LIST)


def test_a_path_may_be_a_string(tmp_path):
    (tmp_path / "crash.dmp").write_bytes(full_dump().pack())
    assert Minidump.open(str(tmp_path / "crash.dmp")).threads


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "crash.dmp"
    path.touch()
    with pytest.raises(InputUnusable, match=r"crash.dmp is empty, not a minidump"):
        Minidump.open(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputUnusable, match=r"none.dmp cannot be read: No such file"):
        Minidump.open(tmp_path / "none.dmp")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputUnusable, match="cannot be read"):
        Minidump.open(tmp_path)


def test_another_file_is_let_go_when_refused(tmp_path):
    path = tmp_path / "crash.dmp"
    path.write_bytes(b"MZ")
    with pytest.raises(InputUnusable, match="a Windows program"):
        Minidump.open(path)


def test_a_pipe_is_read_whole(tmp_path):
    os = pytest.importorskip("os")
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(full_dump().pack()))
    writer.start()
    with Minidump.open(path) as dump:
        assert len(dump.threads) == 2
    writer.join()


@pytest.mark.parametrize("size", [4, 31])
def test_a_cut_header_names_its_end(size):
    with pytest.raises(
        MalformedFile, match=f"cut short in its header: it ends at offset {size:#x}"
    ):
        Minidump(full_dump().pack()[:size])


def test_a_cut_directory_names_its_offset():
    data = full_dump().pack()
    dump = Minidump(data[: structs.MinidumpHeader.SIZE + 2 * structs.Directory.SIZE + 3])
    assert len(dump.directory) == 2
    assert dump.problems[0].offset == structs.MinidumpHeader.SIZE
    assert dump.problems[0].sentence.startswith("directory: 2 of ")


def test_a_directory_outside_the_file_leaves_an_empty_dump():
    dump = Minidump(with_header(full_dump().pack(), directory_rva=0xFFFFFF00))
    assert dump.directory == ()
    assert dump.system is None
    assert dump.threads == dump.modules == dump.comments == ()
    assert dump.memory.read(0, 1) is None
    assert dump.linux.maps is None


def test_a_hostile_directory_count_is_cut_to_what_fits():
    data = with_header(full_dump().pack() + bytes(12 * MAX_STREAMS), stream_count=0xFFFFFFFF)
    dump = Minidump(data)
    assert len(dump.directory) == MAX_STREAMS
    assert dump.exception.code == 0xC0000005


def test_an_unknown_version_is_noted_and_dbghelps_high_word_is_not():
    data = full_dump().pack()
    assert not Minidump(with_header(data, version=0x6380A793)).problems
    strange = Minidump(with_header(data, version=0x1234))
    assert sentences(strange) == ["header: version 0x1234, not 0xa793"]
    assert strange.threads


def test_of_two_streams_the_first_counts():
    builder = MinidumpBuilder().add_system().add_module("first", 1, 1)
    second = MinidumpBuilder().add_module("second", 1, 1)
    data = write_minidump(builder.list_streams() + second.list_streams())
    dump = Minidump(data)
    assert [module.name for module in dump.modules] == ["first"]
    assert sentences(dump) == ["ModuleList: there are several; the first one counts"]


def test_several_unused_entries_are_no_damage():
    dump = Minidump(write_minidump([(0, Block(b"x")), (0, Block(b"y"))]))
    assert len(dump.directory) == 2
    assert dump.threads == ()
    assert not dump.problems


def test_a_stream_past_the_end_is_noted():
    data = write_minidump([(streams.COMMENT_A, Block(b"a long comment"))])
    dump = Minidump(data[:-8])
    assert dump.comments == ("a long c",)
    assert sentences(dump)[0] == "CommentA: its 14 bytes end after the file"


def test_an_unknown_stream_has_its_bytes_and_number():
    dump = Minidump(full_dump().pack())
    assert dump.read_raw_stream(0x4B6B0002) == b"a stream nobody here reads"
    dump.read_stream(0x4B6B0002)
    assert not dump.problems
    assert dump.read_raw_stream(0x12345) is None
    assert streams.name_stream(0x4B6B0002) == "0x4b6b0002"
    assert streams.name_stream(3) == "ThreadList"


def test_a_stream_that_cannot_be_read_is_noted_once():
    dump = Minidump(write_minidump([(streams.EXCEPTION, Block(b"short"))]))
    assert dump.exception is None
    assert dump.find_stream(streams.EXCEPTION) is None
    assert sentences(dump) == ["Exception cut short"]


def test_problems_stay_a_readable_number():
    builder = MinidumpBuilder().add_system()
    for number in range(2 * MAX_PROBLEMS):
        builder.add_module("x", number, 1)
        record, _, _ = builder.modules[-1]
        wrong = structs.Count(entry_count=0xFFFF0000 + number).pack()
        builder.modules[-1] = (record, Block(wrong), None)
    dump = Minidump(builder.pack())
    assert len(dump.modules) == 2 * MAX_PROBLEMS
    assert len(dump.problems) == MAX_PROBLEMS + 1
    assert sentences(dump)[-1] == "there are more problems than are listed here"


def test_the_same_damage_in_many_places_is_summed_up():
    builder = MinidumpBuilder().add_system()
    for number in range(50):
        builder.add_module("x", number, 1)
        record, _, _ = builder.modules[-1]
        builder.modules[-1] = (record.replace(name_rva=0xFFFFF000 + number), None, None)
    dump = Minidump(builder.pack())
    assert len(dump.modules) == 50
    what = "module name starts after the end of the file"
    assert sentences(dump) == [what] * MAX_REPEATS + [
        f"{what}: in more places than are listed here"
    ]
