"""Synthetic minidumps, packed from the same struct tables that the reader uses.

data = (
    MinidumpBuilder()
    .add_system("linux", "x86_64")
    .add_thread(7, registers={"rip": 0x401000, "rsp": 0x7000}, stack=(0x7000, bytes(64)))
    .add_module("/bin/app", 0x400000, 0x2000, build_id=bytes(range(20)))
    .set_exception(7, code=11, address=0)
    .pack()
)
"""

from crashtool.formats.minidump import breakpad_structs, context, linux_streams, streams, structs
from crashtool.formats.minidump.system_streams import (
    HAS_BUILD_STRING,
    HAS_INTEGRITY,
    HAS_PROCESS_COOKIE,
    HAS_PROCESS_ID,
    HAS_PROCESS_TIMES,
    HAS_PROCESSOR_POWER,
    HAS_TIME_ZONE,
)
from crashtool.formats.minidump.writer import (
    Block,
    pack_crashpad_info,
    pack_utf16,
    write_minidump_pieces,
)

PLATFORM_IDS = {
    "windows": 2,
    "macos": 0x8101,
    "ios": 0x8102,
    "linux": 0x8201,
    "android": 0x8203,
    "fuchsia": 0x8206,
}
ARCHITECTURE_IDS = {"x86": 0, "arm": 5, "x86_64": 9, "arm64": 12, "mips": 1}
MISC_PARTS = (
    structs.MiscInfo1,
    structs.MiscInfo2,
    structs.MiscInfo3,
    structs.MiscInfo4,
    structs.MiscInfo5,
)
ALL_MISC_FLAGS = (
    HAS_PROCESS_ID
    | HAS_PROCESS_TIMES
    | HAS_PROCESSOR_POWER
    | HAS_INTEGRITY
    | HAS_TIME_ZONE
    | HAS_BUILD_STRING
    | HAS_PROCESS_COOKIE
)


CONTEXT_FLAGS = {  # CONTEXT_FULL and the like (winnt.h, minidump_context.h)
    context.X86Context: 0x00010007,
    context.X8664Context: 0x0010000B,
    context.ArmContext: 0x40000006,
    context.Arm64Context: 0x00400006,
    context.Arm64OldContext: 0x80000006,
}


def pack_context(layout, registers):
    """A CPU context of one layout; registers not given are zero."""
    flags = registers.get("flags", CONTEXT_FLAGS.get(layout, 0))
    if layout in (context.Arm64Context, context.Arm64OldContext):
        general = {
            name: value
            for name, value in registers.items()
            if name not in ("cpsr", "flags", "vector_registers")
        }
        return layout(
            registers=context.Arm64Registers(**general).pack(),
            vector_registers=registers.get("vector_registers", b""),
            cpsr=registers.get("cpsr", 0),
            flags=flags,
        ).pack()
    return layout(**registers | {"flags": flags}).pack()


def wide(text, size):
    """A fixed UTF-16 buffer of `size` bytes."""
    return text.encode("utf-16-le").ljust(size, b"\0")


def rsds(guid, age=1, name=b"app.pdb"):
    """A CodeView record of a PDB 7.0."""
    return structs.CodeViewRsds(signature=b"RSDS", guid=guid, age=age).pack() + name + b"\0"


def nb10(timestamp, age=1, name=b"app.pdb"):
    """A CodeView record of a PDB 2.0."""
    record = structs.CodeViewNb10(signature=b"NB10", timestamp=timestamp, age=age)
    return record.pack() + name + b"\0"


def write_minidump(pairs, **header):
    """A whole minidump of (stream type, block) pairs; `timestamp` and `flags` are its header's."""
    return b"".join(write_minidump_pieces(pairs, **header))


class MinidumpBuilder:
    """Collects what a dump shall hold; streams come out in the order Crashpad writes them."""

    def __init__(self, *, padded=False, timestamp=1_700_000_000):
        self.padded = padded
        self.timestamp = timestamp
        self.platform, self.architecture = "linux", "x86_64"
        self.system = None
        self.misc = None
        self.exception = None
        self.threads, self.names, self.modules, self.unloaded = [], [], [], []
        self.memory, self.memory64 = [], []
        self.memory_info, self.thread_info, self.handles = [], [], []
        self.crashpad = None
        self.others = []

    def add_system(self, platform="linux", architecture="x86_64", *, csd="", **fields):
        self.platform, self.architecture = platform, architecture
        values = {
            "platform": PLATFORM_IDS[platform],
            "architecture": ARCHITECTURE_IDS[architecture],
            "cpu_count": 4,
            "major": 10,
            "build": 19045,
        }
        self.system = Block(structs.SystemInfoRecord(**(values | fields)).pack())
        if csd:
            self.system.link(24, pack_utf16(csd))
        return self

    def add_misc(self, version=1, *, flags=ALL_MISC_FLAGS, **fields):
        """MiscInfo in the form of one version; fields of its parts by name."""
        self.misc = Block()
        parts = MISC_PARTS[:version]
        size = sum(part.SIZE for part in parts)
        values = {"size": size, "flags": flags} | fields
        for part in parts:
            given = {name: values[name] for name in part.FIELDS if name in values}
            self.misc.add(part(**given).pack())
        return self

    def add_thread(self, id, *, name=None, registers=None, layout=None, stack=None, **fields):  # noqa: A002
        """`stack` is (address, bytes) and goes into the memory list too."""
        layout = layout or context.LAYOUTS.get(self.architecture, (None,))[0]
        place = None
        if registers is not None:
            place = Block(pack_context(layout, registers))
        memory = None
        start = 0
        if stack:
            start, memory = stack[0], Block(stack[1])
            self.memory.append((start, memory))
        record = structs.ThreadRecord(id=id, stack_start=start, **fields)
        self.threads.append((record, memory, place))
        if name is not None:
            self.names.append((id, pack_utf16(name)))
        return self

    def add_module(self, name, base, size, *, codeview=None, build_id=None, version=None, **fields):
        """`codeview` is a whole record; `build_id` makes the one Crashpad writes for ELF."""
        if build_id is not None:
            codeview = b"LEpB" + build_id
        values = {"base": base, "size": size} | fields
        if version:
            a, b, c, d = version
            values |= {
                "version_signature": 0xFEEF04BD,
                "file_version_high": a << 16 | b,
                "file_version_low": c << 16 | d,
            }
        record = structs.ModuleRecord(**values)
        self.modules.append((record, pack_utf16(name), Block(codeview) if codeview else None))
        return self

    def add_unloaded_module(self, name, base, size, **fields):
        record = structs.UnloadedModuleRecord(base=base, size=size, **fields)
        self.unloaded.append((record, pack_utf16(name)))
        return self

    def set_exception(self, thread_id, code, address=0, *, parameters=(), flags=0, registers=None):
        raw = b"".join(structs.ExceptionParameter(value=value).pack() for value in parameters)
        record = structs.ExceptionStream(
            thread_id=thread_id,
            code=code,
            flags=flags,
            address=address,
            parameter_count=len(parameters),
            parameters=raw,
        )
        self.exception = Block(record.pack())
        if registers is not None:
            layout = context.LAYOUTS[self.architecture][0]
            place = structs.ExceptionStream.SIZE - structs.LocationRecord.SIZE
            target = Block(pack_context(layout, registers))
            self.exception.link(place, target, structs.LocationRecord)
        return self

    def add_memory(self, address, data):
        self.memory.append((address, Block(data)))
        return self

    def add_memory64(self, address, data):
        self.memory64.append((address, data))
        return self

    def add_memory_info(self, base, size, **fields):
        self.memory_info.append(structs.MemoryInfo(base=base, size=size, **fields).pack())
        return self

    def add_thread_info(self, thread_id, **fields):
        self.thread_info.append(structs.ThreadInfo(thread_id=thread_id, **fields).pack())
        return self

    def add_handle(self, handle, type_name=None, object_name=None, **fields):
        record = structs.HandleDescriptor(handle=handle, **fields)
        names = [
            pack_utf16(text) if text is not None else None for text in (type_name, object_name)
        ]
        self.handles.append((record, names))
        return self

    def set_crashpad(self, info):
        self.crashpad = pack_crashpad_info(info)
        return self

    def add_stream(self, stream_type, data):
        """Any other stream: bytes or a Block."""
        block = data if isinstance(data, Block) else Block(data)
        self.others.append((stream_type, block))
        return self

    def add_linux_text(self, stream_type, text):
        return self.add_stream(stream_type, text.encode())

    def add_link_maps(self, names):
        """The linker's list, as 64-bit Breakpad writes it."""
        block = Block(
            breakpad_structs.MdRawDebug64(
                version=1, entry_count=len(names), brk=5, dynamic=6
            ).pack()
        )
        rows = Block()
        for number, name in enumerate(names):
            offset = rows.add(
                breakpad_structs.MdRawLinkMap64(address=0x1000 * number, dynamic=number).pack()
            )
            rows.link(offset + 8, pack_utf16(name))
        block.link(4, rows)
        return self.add_stream(linux_streams.DSO_DEBUG, block)

    def pack(self):
        """The file's bytes."""
        return write_minidump(self.list_streams(), timestamp=self.timestamp)

    def list_streams(self):
        single = [
            (streams.SYSTEM_INFO, self.system),
            (streams.MISC_INFO, self.misc),
            (streams.THREAD_LIST, self._thread_list()),
            (streams.THREAD_NAMES, self._thread_names()),
            (streams.EXCEPTION, self.exception),
            (streams.MODULE_LIST, self._module_list()),
            (streams.UNLOADED_MODULE_LIST, self._unloaded_list()),
            (streams.CRASHPAD_INFO, self.crashpad),
            (streams.MEMORY_INFO_LIST, _sized(self.memory_info, 48, structs.ListHeader64)),
            (streams.THREAD_INFO_LIST, _sized(self.thread_info, 64, structs.ListHeader)),
            (streams.HANDLE_DATA, self._handle_data()),
            (streams.MEMORY_LIST, self._memory_list()),
            (streams.MEMORY64_LIST, self._memory64_list()),
        ]
        return [(kind, block) for kind, block in single if block is not None] + self.others

    def _open_list(self, rows):
        block = Block(structs.Count(entry_count=len(rows)).pack())
        if self.padded:
            block.add(bytes(4))
        return block

    def _thread_list(self):
        if not self.threads:
            return None
        block = self._open_list(self.threads)
        for record, memory, place in self.threads:
            offset = block.add(record.pack())
            block.link(offset + 32, memory, structs.LocationRecord)
            block.link(offset + 40, place, structs.LocationRecord)
        return block

    def _thread_names(self):
        if not self.names:
            return None
        block = Block(structs.Count(entry_count=len(self.names)).pack())
        for id_, name in self.names:
            offset = block.add(structs.ThreadNameRecord(thread_id=id_).pack())
            block.link(offset + 4, name, structs.Rva64)
        return block

    def _module_list(self):
        if not self.modules:
            return None
        block = self._open_list(self.modules)
        for record, name, codeview in self.modules:
            offset = block.add(record.pack())
            block.link(offset + 20, name)
            block.link(offset + 76, codeview, structs.LocationRecord)
        return block

    def _unloaded_list(self):
        if not self.unloaded:
            return None
        block = _sized([record.pack() for record, _ in self.unloaded], 24, structs.ListHeader)
        for index, (_, name) in enumerate(self.unloaded):
            block.link(12 + 24 * index + 20, name)
        return block

    def _handle_data(self):
        if not self.handles:
            return None
        header = structs.HandleHeader(header_size=16, entry_size=32, entry_count=len(self.handles))
        block = Block(header.pack())
        for record, names in self.handles:
            offset = block.add(record.pack())
            for place, name in zip((8, 12), names, strict=True):
                block.link(offset + place, name)
        return block

    def _memory_list(self):
        if not self.memory:
            return None
        block = self._open_list(self.memory)
        for start, data in self.memory:
            offset = block.add(structs.MemoryDescriptor(start=start).pack())
            block.link(offset + 8, data, structs.LocationRecord)
        return block

    def _memory64_list(self):
        if not self.memory64:
            return None
        block = Block(structs.Memory64Header(entry_count=len(self.memory64)).pack())
        for start, data in self.memory64:
            block.add(structs.MemoryDescriptor64(start=start, size=len(data)).pack())
        block.link(8, Block(b"".join(data for _, data in self.memory64)), structs.Rva64)
        return block


def _sized(rows, entry_size, header):
    if not rows:
        return None
    opening = header(header_size=header.SIZE, entry_size=entry_size, entry_count=len(rows))
    return Block(opening.pack() + b"".join(rows))


def full_dump():
    """A builder with every stream that crashtool reads."""
    from uuid import UUID

    from crashtool.formats.minidump.crashpad_info import (
        AnnotationObject,
        CrashpadInfo,
        ModuleAnnotations,
    )

    report, client = UUID(int=0x11112222333344445555666677778888), UUID(int=0x99)
    texts = ModuleAnnotations(
        0,
        ("list one", "list two"),
        (("simple", "of module"),),
        (AnnotationObject("object", 1, b"value"), AnnotationObject("raw", 0x8001, b"\1\2")),
    )
    pairs = (("prod", "Game"), ("ver", "1.4.2"))
    return (
        MinidumpBuilder()
        .add_system("windows", "x86_64", csd="Service Pack 1", level=6, revision=0x2A07)
        .add_misc(5, process_id=42, build_string=wide("build", 520), processor_max_mhz=2400)
        .add_thread(
            7, name="main", registers={"rip": 0x401000, "rsp": 0x7000}, stack=(0x7000, bytes(256))
        )
        .add_thread(8, name="worker", registers={"rip": 0x402000, "rsp": 0x9000})
        .add_module("C:\\app.exe", 0x400000, 0x2000, codeview=rsds(bytes(range(16))))
        .add_module("C:\\old.dll", 0x500000, 0x2000, codeview=nb10(0x12345678))
        .add_module("libc.so", 0x600000, 0x2000, build_id=bytes(range(1, 21)))
        .add_unloaded_module("gone.dll", 0x700000, 0x1000, timestamp=0x5EADBEEF)
        .set_exception(7, 0xC0000005, 0x401000, parameters=(1, 0x45), registers={"rip": 0x401000})
        .add_memory(0x400000, b"MZ code")
        .add_memory64(0x800000, b"first part")
        .add_memory64(0x80000A, b"second part")
        .add_memory_info(0x400000, 0x2000, state=0x1000, protection=0x20)
        .add_thread_info(7, start_address=0x401000)
        .add_handle(4, "Event", "\\BaseNamedObjects\\done", handle_count=2)
        .add_handle(8, "File")
        .set_crashpad(CrashpadInfo(1, report, client, pairs, (texts,), 0xFF00000000000000))
        .add_stream(streams.COMMENT_A, b"a comment\0")
        .add_stream(streams.COMMENT_W, "a wide comment".encode("utf-16-le"))
        .add_stream(
            streams.BREAKPAD_INFO,
            breakpad_structs.BreakpadInfoRecord(
                validity=3, dump_thread_id=8, requesting_thread_id=7
            ).pack(),
        )
        .add_stream(
            streams.ASSERTION_INFO,
            breakpad_structs.AssertionRecord(
                expression=wide("x > 0", 256), file=wide("a.c", 256), line=12, type=1
            ).pack(),
        )
        .add_stream(streams.THREAD_EX_LIST, _thread_ex_list())
        .add_stream(streams.MAC_CRASH_INFO, _mac_crash_info())
        .add_linux_text(linux_streams.CPU_INFO, "processor\t: 0\nvendor_id\t: GenuineIntel\n")
        .add_linux_text(linux_streams.PROC_STATUS, "Name:\tapp\nPid:\t42\n")
        .add_linux_text(
            linux_streams.LSB_RELEASE, 'DISTRIB_ID=Debian\nDISTRIB_DESCRIPTION="Debian 12"\n'
        )
        .add_linux_text(linux_streams.COMMAND_LINE, "/bin/app\0--flag\0")
        .add_linux_text(linux_streams.ENVIRON, "HOME=/home/me\0EMPTY=\0")
        .add_stream(
            linux_streams.AUXV,
            breakpad_structs.AuxiliaryValue64(type=6, value=4096).pack()
            + breakpad_structs.AuxiliaryValue64().pack()
            + breakpad_structs.AuxiliaryValue64(type=7, value=1).pack(),
        )
        .add_linux_text(
            linux_streams.MAPS,
            "00400000-00402000 r-xp 00000000 08:01 17   /bin/my app\n"
            "7ff000-7ff800 rw-p 00000000 00:00 0\n",
        )
        .add_link_maps(["", "libc.so.6"])
        .add_stream(0x4B6B0002, b"a stream nobody here reads")
    )


def _thread_ex_list():
    row = structs.ThreadExRecord(id=9, priority=3)
    return structs.Count(entry_count=1).pack() + row.pack()


def _mac_crash_info():
    texts = b"/usr/lib/libfoo.dylib\0abort() called\0\0\0\0"
    record = breakpad_structs.MacCrashInfoRecord(
        stream_type=1, version=5, thread=7, abort_cause=2
    ).pack()
    header = breakpad_structs.MacCrashInfoHeader(
        stream_type=1, entry_count=1, strings_offset=breakpad_structs.MacCrashInfoRecord.SIZE
    )
    block = Block(header.pack() + bytes(structs.LocationRecord.SIZE * 20))
    block.link(
        breakpad_structs.MacCrashInfoHeader.SIZE, Block(record + texts), structs.LocationRecord
    )
    return block
