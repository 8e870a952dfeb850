"""The tables against the sizes that the published headers give."""

import pytest

from crashtool.formats.minidump import breakpad_structs, context, structs
from crashtool.formats.record import Record

SIZES = {
    # Windows' minidumpapiset.h
    structs.MinidumpHeader: 32,
    structs.Directory: 12,
    structs.Count: 4,
    structs.Rva: 4,
    structs.Rva64: 8,
    structs.LocationRecord: 8,
    structs.SystemInfoRecord: 56,
    structs.X86CpuInformation: 24,
    structs.MiscInfo1: 24,
    structs.MiscInfo2: 44 - 24,
    structs.MiscInfo3: 232 - 44,
    structs.MiscInfo4: 832 - 232,
    structs.MiscInfo5: 1364 - 832,
    structs.ThreadRecord: 48,
    structs.ThreadExRecord: 64,
    structs.ThreadNameRecord: 12,
    structs.ThreadInfo: 64,
    structs.ListHeader: 12,
    structs.ListHeader64: 16,
    structs.ExceptionStream: 168,
    structs.ExceptionParameter: 8,
    structs.ModuleRecord: 108,
    structs.UnloadedModuleRecord: 24,
    structs.MemoryDescriptor: 16,
    structs.Memory64Header: 16,
    structs.MemoryDescriptor64: 16,
    structs.MemoryInfo: 48,
    structs.HandleHeader: 16,
    structs.HandleDescriptor: 32,
    # Breakpad's minidump_format.h
    structs.ArmCpuInformation: 8,
    structs.CodeViewRsds: 24,
    structs.CodeViewNb10: 16,
    breakpad_structs.BreakpadInfoRecord: 12,
    breakpad_structs.AssertionRecord: 776,
    breakpad_structs.MdRawDebug32: 24,
    breakpad_structs.MdRawDebug64: 40,
    breakpad_structs.MdRawLinkMap32: 12,
    breakpad_structs.MdRawLinkMap64: 24,
    breakpad_structs.MacCrashInfoHeader: 12,
    breakpad_structs.MacCrashInfoRecord: 40,
    # from elf.h
    breakpad_structs.AuxiliaryValue32: 8,
    breakpad_structs.AuxiliaryValue64: 16,
    # Crashpad's minidump_extensions.h
    structs.CrashpadInfoRecord: 52,
    structs.CrashpadInfoTail: 64 - 52,
    structs.StringPair: 8,
    structs.ModuleLink: 12,
    structs.ModuleCrashpadInfo: 20,
    structs.AnnotationRecord: 12,
    # winnt.h and minidump_format.h, the CPU contexts
    context.X86Context: 716,
    context.X8664Context: 1232,
    context.ArmContext: 368,
    context.Arm64Registers: 33 * 8,
    context.Arm64Context: 912,
    context.Arm64OldContext: 796,
}


@pytest.mark.parametrize(("kind", "size"), SIZES.items(), ids=str)
def test_a_struct_has_the_size_of_its_header(kind, size):
    assert size == kind.SIZE


@pytest.mark.parametrize("module", [structs, breakpad_structs, context])
def test_no_struct_is_without_a_size_row(module):
    tables = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Record) and value is not Record
    }
    assert tables <= set(SIZES)
