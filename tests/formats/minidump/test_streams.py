"""What each stream holds, on synthetic dumps."""

from uuid import UUID

import pytest

from crashtool.formats.identifiers import DebugId
from crashtool.formats.minidump import (
    breakpad_structs,
    dump_source,
    linux_streams,
    streams,
    structs,
)
from crashtool.formats.minidump.crashpad_info import (
    AnnotationObject,
    CrashpadInfo,
    ModuleAnnotations,
)
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.windows_detail import DumpHandle
from crashtool.formats.minidump.writer import Block
from tests.synth.minidump import MinidumpBuilder, full_dump, nb10, rsds, wide


@pytest.fixture(scope="module")
def full():
    return Minidump(full_dump().pack())


def sentences(dump):
    return [problem.sentence for problem in dump.problems]


def single(stream_type, data, *, architecture="x86_64"):
    """A dump of one stream, and SystemInfo."""
    builder = MinidumpBuilder().add_system("linux", architecture)
    return Minidump(builder.add_stream(stream_type, data).pack())


def test_a_dump_of_everything_has_no_problem(full):
    for stream_type, kind in streams.STREAMS.items():
        assert (full.find_stream(stream_type) is not None) == bool(kind.reader), kind.name
    assert full.problems == []


def test_system_info(full):
    system = full.system
    assert (system.platform, system.architecture) == ("windows", "x86_64")
    assert (system.version, system.build, system.csd) == ("10.0.19045", 19045, "Service Pack 1")
    assert system.cpu_count == 4
    assert system.cpu_info == "family 6 model 42 stepping 7"


@pytest.mark.parametrize(
    ("architecture", "cpu", "text"),
    [
        ("x86", structs.X86CpuInformation(vendor=b"GenuineIntel"), "GenuineIntel family 6"),
        ("x86", structs.X86CpuInformation(vendor=b"\x1b[31mred\0"), "family 6"),
        (
            "arm",
            structs.ArmCpuInformation(cpuid=0x410FC0F3, hardware_capabilities=9),
            "ARMv6 cpuid",
        ),
        ("arm", structs.ArmCpuInformation(), "ARMv6"),
        ("arm64", structs.ArmCpuInformation(), ""),
    ],
)
def test_a_processor_is_described(architecture, cpu, text):
    packed = cpu.pack().ljust(24, b"\0")
    builder = MinidumpBuilder().add_system("linux", architecture, level=6, cpu=packed)
    described = Minidump(builder.pack()).system.cpu_info
    assert described.startswith(text)
    assert described.isprintable()


def test_an_unknown_platform_keeps_its_number():
    builder = MinidumpBuilder()
    builder.system = Block(structs.SystemInfoRecord(platform=0x9999, architecture=0x7777).pack())
    system = Minidump(builder.pack()).system
    assert (system.platform, system.platform_id) == ("unknown", 0x9999)
    assert (system.architecture, system.architecture_id) == ("unknown", 0x7777)


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_each_size_of_misc_info_gives_what_it_has(version):
    dump = Minidump(
        MinidumpBuilder()
        .add_misc(
            version,
            process_id=42,
            process_create_time=1_700_000_000,
            processor_max_mhz=2400,
            integrity_level=0x2000,
            time_zone_id=2,
            time_zone_bias=-60,
            daylight_name=wide("CEST", 64),
            daylight_bias=-60,
            build_string=wide("19041.1", 520),
            debug_build_string=wide("crashpad.amd64,0.8.0,win", 80),
            process_cookie=7,
            xstate_size=1,
            xstate_features=7,
        )
        .pack()
    )
    misc = dump.misc
    assert (misc.process_id, misc.process_create_time) == (42, 1_700_000_000)
    assert misc.processor_max_mhz == (2400 if version >= 2 else None)
    assert misc.integrity == (0x2000 if version >= 3 else None)
    assert (misc.time_zone, misc.time_zone_bias) == (
        ("CEST", -120) if version >= 3 else (None, None)
    )
    assert misc.build_string == ("19041.1" if version >= 4 else None)
    assert misc.debug_build_string == ("crashpad.amd64,0.8.0,win" if version >= 4 else None)
    assert misc.process_cookie == (7 if version == 5 else None)
    assert misc.enabled_xstate_features == (7 if version == 5 else None)
    assert not dump.problems


def test_misc_info_keeps_silent_about_what_its_flags_leave_out():
    misc = Minidump(MinidumpBuilder().add_misc(5, flags=0, process_id=42).pack()).misc
    assert set(misc) == {None}


def test_standard_time_has_its_own_name():
    builder = MinidumpBuilder().add_misc(3, time_zone_id=1, standard_name=wide("CET", 64))
    assert Minidump(builder.pack()).misc.time_zone == "CET"


def test_misc_info_of_a_size_between_two_is_noted():
    builder = MinidumpBuilder().add_misc(2, process_id=42, processor_max_mhz=1)
    builder.misc.data = builder.misc.data[:30]
    dump = Minidump(builder.pack())
    assert dump.misc.process_id == 42
    assert dump.misc.processor_max_mhz is None
    assert sentences(dump) == ["MiscInfo: 30 bytes is none of its sizes"]


def test_threads_have_names_stacks_and_priorities():
    dump = Minidump(
        MinidumpBuilder()
        .add_system()
        .add_thread(7, name="main", stack=(0x7000, b"stack"), suspend_count=2, teb=0x1234)
        .add_thread(8)
        .pack()
    )
    first, second = dump.threads
    assert (first.id, first.name, first.suspend_count, first.teb) == (7, "main", 2, 0x1234)
    assert dump.memory.read(first.stack_start, first.stack.size) == b"stack"
    assert second.name is None
    assert second.context == (0, 0)


def test_the_extended_thread_list_stands_in_for_the_plain_one():
    row = structs.ThreadExRecord(id=9, priority=3)
    dump = single(streams.THREAD_EX_LIST, structs.Count(entry_count=1).pack() + row.pack())
    assert [(thread.id, thread.priority) for thread in dump.threads] == [(9, 3)]


def test_a_damaged_thread_name_costs_only_itself():
    builder = MinidumpBuilder().add_system().add_thread(7).add_thread(8, name="ok")
    rows = structs.ThreadNameRecord(thread_id=7, name_rva=0xFFFFFFFFFF).pack()
    block = Block(structs.Count(entry_count=2).pack() + rows)
    offset = block.add(structs.ThreadNameRecord(thread_id=8).pack())
    block.link(offset + 4, builder.names.pop()[1], structs.Rva64)
    dump = Minidump(builder.add_stream(streams.THREAD_NAMES, block).pack())
    assert [thread.name for thread in dump.threads] == [None, "ok"]
    assert sentences(dump) == ["thread name starts after the end of the file"]


@pytest.mark.parametrize("padded", [False, True])
def test_lists_may_be_padded(padded):
    dump = Minidump(
        MinidumpBuilder(padded=padded)
        .add_system()
        .add_thread(7, stack=(0x7000, b"stack"))
        .add_module("app", 0x400000, 0x1000)
        .pack()
    )
    assert [thread.id for thread in dump.threads] == [7]
    assert [module.name for module in dump.modules] == ["app"]
    assert [found.start for found in dump.memory.ranges] == [0x7000]
    assert not dump.problems


def test_the_exception(full):
    exception = full.exception
    assert (exception.thread_id, exception.code) == (7, 0xC0000005)
    assert (exception.address, exception.parameters) == (0x401000, (1, 0x45))
    assert full.context(exception.context).instruction_pointer == 0x401000


def test_more_parameters_than_there_is_room_for_are_noted():
    record = structs.ExceptionStream(parameter_count=0xFFFFFFFF)
    dump = single(streams.EXCEPTION, record.pack())
    assert len(dump.exception.parameters) == 15
    assert sentences(dump) == ["Exception: 4294967295 parameters, where 15 fit"]


GUID = bytes(range(1, 17))


def module(platform="windows", **fields):
    builder = MinidumpBuilder().add_system(platform)
    dump = Minidump(builder.add_module("/a/app", 0x400000, 0xA000, **fields).pack())
    (found,) = dump.modules
    return dump, found


def test_a_pdb_module_has_guid_age_and_file():
    _, found = module(codeview=rsds(GUID, 3, b"C:\\b\\app.pdb"), timestamp=0x57F6101B)
    assert found.debug_id == DebugId.from_guid(GUID, 3)
    assert (found.debug_file, found.codeview) == ("C:\\b\\app.pdb", "RSDS")
    assert found.code_id == "57F6101Ba000"


def test_an_old_pdb_module_has_signature_and_age():
    _, found = module(codeview=nb10(0x3BADF00D, 2))
    assert (found.debug_id.breakpad, found.codeview) == ("3BADF00D2", "NB10")


def test_an_elf_module_has_its_build_id():
    _, found = module("linux", build_id=GUID + b"tail")
    assert found.code_id == (GUID + b"tail").hex()
    assert found.debug_id == DebugId.from_guid(GUID)
    assert (found.debug_file, found.codeview) == ("/a/app", "BpEL")


def test_a_mach_o_module_has_its_uuid():
    _, found = module("macos", codeview=rsds(GUID, 0, b"app"))
    assert found.code_id == DebugId.from_guid(GUID).uuid.hex()


def test_a_linux_module_with_a_guid_has_no_code_id():
    _, found = module("linux", codeview=rsds(GUID, 0, b"app"))
    assert found.code_id is None
    assert found.debug_id


@pytest.mark.parametrize(
    ("codeview", "kind"),
    [(rsds(bytes(16)), "RSDS"), (nb10(0), "NB10"), (b"LEpB" + bytes(20), "BpEL")],
)
def test_an_id_of_zeros_is_no_id(codeview, kind):
    dump, found = module("linux", codeview=codeview)
    assert (found.debug_id, found.code_id, found.codeview) == (None, None, kind)
    assert not dump.problems


def test_a_pdb_record_may_lack_its_name():
    _, found = module(codeview=rsds(GUID, 1, b""))
    assert found.debug_file is None


@pytest.mark.parametrize("codeview", [b"RSDS" + bytes(19), b"NB10"])
def test_a_cut_codeview_record_is_noted(codeview):
    dump, found = module(codeview=codeview)
    assert (found.debug_id, found.codeview, found.name) == (None, "", "/a/app")
    assert f"CodeView record of {len(codeview)} bytes cut short" in sentences(dump)[0]


def test_an_unknown_codeview_record_is_none():
    dump, found = module(codeview=b"NB11 and so on")
    assert (found.debug_id, found.codeview) == (None, "")
    assert not dump.problems


def test_a_version_needs_its_signature():
    assert module(version=(1, 22, 333, 4444))[1].version == "1.22.333.4444"
    assert module()[1].version is None


def test_unloaded_modules(full):
    (gone,) = full.unloaded_modules
    assert (gone.name, gone.code_id) == ("gone.dll", "5EADBEEF1000")


def test_entries_longer_than_known_are_stepped_over():
    row = structs.UnloadedModuleRecord(base=1).pack() + b"new!"
    header = structs.ListHeader(header_size=16, entry_size=28, entry_count=2).pack() + bytes(4)
    dump = single(streams.UNLOADED_MODULE_LIST, header + row + row)
    assert [found.base for found in dump.unloaded_modules] == [1, 1]


@pytest.mark.parametrize(("header_size", "entry_size"), [(0, 24), (12, 0), (12, 23)])
def test_a_list_of_entries_too_small_is_refused(header_size, entry_size):
    header = structs.ListHeader(header_size=header_size, entry_size=entry_size, entry_count=1)
    dump = single(streams.UNLOADED_MODULE_LIST, header.pack() + bytes(24))
    assert dump.unloaded_modules == ()
    assert "too small" in sentences(dump)[0]


def test_windows_details(full):
    assert full.memory_info[0].state == 0x1000
    assert full.thread_info[0].start_address == 0x401000
    assert full.handles == (
        DumpHandle(4, "Event", "\\BaseNamedObjects\\done", 0, 0, 2, 0),
        DumpHandle(8, "File", None, 0, 0, 0, 0),
    )


@pytest.mark.parametrize("rva", [0xFFFFFFFF, 4])
def test_a_handle_keeps_what_can_be_read(rva):
    header = structs.HandleHeader(header_size=16, entry_size=40, entry_count=0xFFFFFFFF).pack()
    row = structs.HandleDescriptor(handle=4, type_name_rva=rva, attributes=3).pack() + bytes(8)
    dump = single(streams.HANDLE_DATA, header + row)
    assert dump.handles == (DumpHandle(4, None, None, 3, 0, 0, 0),)
    assert sentences(dump) == [
        "HandleData: 1 of 4294967295 entries fit",
        "HandleData: a handle's name cannot be read",
    ]


def test_comments(full):
    assert full.comments == ("a comment", "a wide comment")


def test_a_comment_that_is_no_utf_8_is_taken_for_windows_1252():
    assert single(streams.COMMENT_A, b"caf\xe9").comments == ("café",)


def test_a_long_comment_is_cut_and_noted():
    dump = single(streams.COMMENT_A, b"x" * (dump_source.MAX_TEXT + 5))
    assert dump.comments == ("x" * dump_source.MAX_TEXT,)
    assert sentences(dump) == ["comment: 1048576 of 1048581 bytes read"]


def test_breakpads_threads(full):
    assert full.breakpad == (8, 7)
    record = breakpad_structs.BreakpadInfoRecord(validity=0, dump_thread_id=8)
    assert single(streams.BREAKPAD_INFO, record.pack()).breakpad == (None, None)


def test_an_assertion(full):
    assertion = full.assertion
    assert (assertion.expression, assertion.file, assertion.line) == ("x > 0", "a.c", 12)


def test_an_assertion_of_zeros_is_none():
    dump = single(streams.ASSERTION_INFO, bytes(776))
    assert dump.assertion is None
    assert not dump.problems


def test_macos_crash_info(full):
    (info,) = full.mac_crash_info
    assert (info.version, info.thread, info.abort_cause) == (5, 7, 2)
    assert info.texts[:2] == ("/usr/lib/libfoo.dylib", "abort() called")


def test_an_old_macos_crash_info_lacks_the_later_numbers():
    header = breakpad_structs.MacCrashInfoHeader(entry_count=1, strings_offset=16)
    block = Block(header.pack() + bytes(8 * 20))
    block.link(12, Block(bytes(8) + b"\1" + bytes(7) + b"path\0"), structs.LocationRecord)
    (info,) = single(streams.MAC_CRASH_INFO, block).mac_crash_info
    assert info == (1, None, None, None, ("path",))


def test_a_cut_macos_crash_info_is_noted():
    header = breakpad_structs.MacCrashInfoHeader(entry_count=1, strings_offset=40)
    block = Block(header.pack() + bytes(8 * 20))
    block.link(12, Block(bytes(39)), structs.LocationRecord)
    dump = single(streams.MAC_CRASH_INFO, block)
    assert dump.mac_crash_info == ()
    assert sentences(dump) == ["macOS crash info cut short"]


def test_linux_texts(full):
    info = full.linux
    assert info.proc_status == {"Name": "app", "Pid": "42"}
    assert info.cpuinfo["vendor_id"] == "GenuineIntel"
    assert info.lsb_release["DISTRIB_DESCRIPTION"] == "Debian 12"
    assert info.command_line == ("/bin/app", "--flag")
    assert info.environ == (("HOME", "/home/me"), ("EMPTY", ""))
    assert info.auxv == {6: 4096}


def test_a_command_line_may_be_empty():
    assert single(linux_streams.COMMAND_LINE, b"").linux.command_line == ()


def test_maps_keep_paths_with_blanks(full):
    first, second = full.linux.maps
    assert (first.start, first.end, first.permissions) == (0x400000, 0x402000, "r-xp")
    assert (first.inode, first.path) == (17, "/bin/my app")
    assert second.path == ""


@pytest.mark.parametrize("line", ["x", "zz-1 r-xp 0 0:0 0", "1-2 r-xp 0 0:0 none /a"])
def test_a_line_of_the_map_that_is_none_is_noted(line):
    text = f"{line}\n1-2 r-xp 0 0:0 0 /a\n\0"
    dump = single(linux_streams.MAPS, text.encode())
    assert [found.path for found in dump.linux.maps] == ["/a"]
    assert sentences(dump) == ["memory map: a line that cannot be parsed"]


def test_a_map_of_too_many_lines_is_cut(monkeypatch):
    monkeypatch.setattr(linux_streams, "MAX_MAPS", 2)
    dump = single(linux_streams.MAPS, b"1-2 r-xp 0 0:0 0 /a\n" * 5)
    assert len(dump.linux.maps) == 2
    assert sentences(dump) == ["memory map: 2 lines read"]


def test_auxv_is_as_wide_as_the_process():
    raw = breakpad_structs.AuxiliaryValue32(type=6, value=4096).pack()
    assert single(linux_streams.AUXV, raw, architecture="arm").linux.auxv == {6: 4096}


def test_the_linkers_list(full):
    found = full.linux.dso_debug
    assert (found.version, found.brk, found.dynamic) == (1, 5, 6)
    assert [(row.address, row.name) for row in found.objects] == [(0, ""), (0x1000, "libc.so.6")]


def test_a_32_bit_linkers_list():
    block = Block(breakpad_structs.MdRawDebug32(version=1, entry_count=1, brk=5).pack())
    block.link(4, Block(breakpad_structs.MdRawLinkMap32(address=9).pack()))
    found = single(linux_streams.DSO_DEBUG, block, architecture="x86").linux.dso_debug
    assert (found.brk, found.objects) == (5, ((9, "", 0),))


def test_a_linkers_list_may_be_empty():
    block = Block(breakpad_structs.MdRawDebug64(version=1).pack())
    assert single(linux_streams.DSO_DEBUG, block).linux.dso_debug.objects == ()


def test_crashpads_annotations(full):
    info = full.crashpad
    assert info.report_id == UUID("11112222-3333-4444-5555-666677778888")
    assert info.annotations == (("prod", "Game"), ("ver", "1.4.2"))
    (found,) = info.modules
    assert found.list_annotations == ("list one", "list two")
    assert found.simple_annotations == (("simple", "of module"),)
    assert [row.text for row in found.objects] == ["value", None]
    assert info.address_mask == 0xFF00000000000000


def crashpad_dump(**fields):
    values = {
        "version": 1,
        "report_id": UUID(int=1),
        "client_id": UUID(int=2),
        "annotations": (),
        "modules": (),
        "address_mask": 0,
    }
    return MinidumpBuilder().add_system().set_crashpad(CrashpadInfo(**(values | fields)))


def test_the_52_byte_form_has_no_address_mask():
    builder = crashpad_dump(annotations=(("a", "b"),), address_mask=5)
    builder.crashpad.data = builder.crashpad.data[:52]
    dump = Minidump(builder.pack())
    assert dump.crashpad.annotations == (("a", "b"),)
    assert dump.crashpad.address_mask == 0
    assert not dump.problems


def test_another_version_is_noted_and_read():
    dump = Minidump(crashpad_dump(version=2, annotations=(("a", "b"),)).pack())
    assert dump.crashpad.annotations == (("a", "b"),)
    assert sentences(dump) == ["CrashpadInfo: version 2, not 1"]


def test_the_20_byte_module_form_has_no_objects():
    module = ModuleAnnotations(3, ("a",), (), (AnnotationObject("x", 1, b"y"),))
    builder = crashpad_dump(modules=(module,))
    target = builder.crashpad.links[0].target.links[0].target
    target.data = target.data[:20]
    target.links = target.links[:1]
    (found,) = Minidump(builder.pack()).crashpad.modules
    assert found == (3, ("a",), (), ())


def test_equal_names_of_annotations_are_all_kept():
    twice = (AnnotationObject("x", 1, b"1"), AnnotationObject("x", 1, b"2"))
    builder = crashpad_dump(modules=(ModuleAnnotations(0, (), (), twice),))
    assert Minidump(builder.pack()).crashpad.modules[0].objects == twice


def break_links(block):
    """Send every reference of a block out of the file."""
    for link in block.links:
        packed = structs.Rva(rva=0xFFFFFFF0).pack()
        block.data[link.offset : link.offset + 4] = packed
    block.links = []


def test_damaged_annotations_cost_only_themselves():
    module = ModuleAnnotations(0, ("l",), (("a", "b"),), (AnnotationObject("x", 1, b""),))
    builder = crashpad_dump(annotations=(("a", "b"),), modules=(module, module))
    pairs, modules = (link.target for link in builder.crashpad.links)
    break_links(pairs)
    for link in modules.links[0].target.links:
        break_links(link.target)
    dump = Minidump(builder.pack())
    assert dump.crashpad.annotations == ()
    assert dump.crashpad.modules[0] == (0, (), (), ())
    assert dump.crashpad.modules[1] == module
    assert len(dump.problems) >= 1


def test_a_damaged_module_and_list_are_left_out():
    module = ModuleAnnotations(0, ("l",), (), ())
    builder = crashpad_dump(annotations=(("a", "b"),), modules=(module,))
    modules = builder.crashpad.links[1].target
    place = modules.links[0].offset
    modules.data[place : place + 8] = structs.LocationRecord(size=28, rva=0xFFFFFFF0).pack()
    modules.links = []
    builder.crashpad.links = builder.crashpad.links[1:]
    builder.crashpad.data[36:44] = structs.LocationRecord(size=12, rva=0xFFFFFFF0).pack()
    dump = Minidump(builder.pack())
    assert dump.crashpad.annotations == dump.crashpad.modules == ()
    assert sentences(dump) == ["annotations cut short", "module's annotations cut short"]


def test_a_list_of_rubbish_is_given_up():
    builder = crashpad_dump(annotations=(("a", "b"),) * 200)
    break_links(builder.crashpad.links[0].target)
    dump = Minidump(builder.pack())
    assert dump.crashpad.annotations == ()
    assert sentences(dump)[-1] == "annotations: given up after 100 that cannot be read"


def test_an_annotation_without_value_is_empty():
    module = ModuleAnnotations(0, (), (), (AnnotationObject("x", 1, b"gone"),))
    builder = crashpad_dump(modules=(module,))
    objects = builder.crashpad.links[0].target.links[0].target.links[0].target
    objects.links = objects.links[:1]
    (found,) = Minidump(builder.pack()).crashpad.modules[0].objects
    assert found == ("x", 1, b"")


def test_a_name_longer_than_windows_allows_is_cut_and_noted():
    dump, found = module_named("n" * 40_000)
    assert len(found.name) == dump_source.MAX_UTF16 // 2
    assert sentences(dump) == ["module name: 65536 of 80000 bytes read"]


def module_named(name):
    dump = Minidump(MinidumpBuilder().add_system().add_module(name, 1, 1).pack())
    return dump, dump.modules[0]


def test_ill_formed_text_is_replaced():
    builder = MinidumpBuilder().add_system().add_module("x", 1, 1)
    raw = structs.Count(entry_count=3).pack() + b"\x00\xd8a"  # half a pair, half a unit
    builder.modules[0] = (builder.modules[0][0], Block(raw), None)
    assert Minidump(builder.pack()).modules[0].name == "\ufffd"


def test_too_much_text_is_left_out_and_noted(monkeypatch):
    monkeypatch.setattr(dump_source, "MAX_BYTES", 40)
    builder = MinidumpBuilder().add_system().add_module("a" * 10, 1, 1).add_module("b" * 20, 2, 1)
    dump = Minidump(builder.pack())
    assert [found.name for found in dump.modules] == ["a" * 10, ""]
    assert "too much text in this dump" in sentences(dump)[0]


def test_too_many_entries_are_left_out_and_noted(monkeypatch):
    monkeypatch.setattr(dump_source, "MAX_ENTRIES", 3)
    builder = MinidumpBuilder().add_system()
    for number in range(5):
        builder.add_thread(number)
    dump = Minidump(builder.pack())
    assert len(dump.threads) == 3
    assert sentences(dump) == ["ThreadList: 3 of 5 entries read: too many entries in this dump"]


def test_equal_references_are_read_once(monkeypatch):
    monkeypatch.setattr(dump_source, "MAX_BYTES", 100)
    builder = MinidumpBuilder().add_system()
    for number in range(50):
        builder.add_module("name", number, 1)
        builder.modules[-1] = (builder.modules[-1][0], builder.modules[0][1], None)
    dump = Minidump(builder.pack())
    assert {found.name for found in dump.modules} == {"name"}


def test_every_type_is_called_by_its_name():
    names = {number: streams.name_stream(number) for number in (*range(25), 0x4767000A, 0x12345)}
    assert (names[0], names[1], names[3]) == ("Unused", "Reserved0", "ThreadList")
    assert (names[0x4767000A], names[0x12345]) == ("LinuxDsoDebug", "0x00012345")
    assert all(names[kind] == kind.name for kind in streams.STREAMS.values() if kind in names)
