import pytest

from crashtool.formats.minidump.reasons import describe_reason
from crashtool.formats.minidump.reasons.linux import KERNEL_CODES, SIGNALS
from crashtool.formats.minidump.reasons.macos import EXCEPTIONS
from crashtool.formats.minidump.reasons.reason import address_words, hex_address, is_canonical
from crashtool.formats.minidump.reasons.windows_codes import CODES, FAST_FAIL, FOREIGN

ALL_ONES = (1 << 64) - 1


def windows(code, *parameters, architecture="x86_64", address=0x401000):
    return describe_reason("windows", architecture, code, 0, parameters, address)


def linux(code, si_code, address=0, architecture="x86_64", **options):
    flags = si_code & 0xFFFFFFFF
    return describe_reason("linux", architecture, code, flags, (), address, **options)


def macos(code, flags=0, *parameters, architecture="x86_64", address=0x45):
    return describe_reason("macos", architecture, code, flags, parameters, address)


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        (0, "EXCEPTION_ACCESS_VIOLATION_READ", "read of 0x45: null pointer + 0x45"),
        (1, "EXCEPTION_ACCESS_VIOLATION_WRITE", "write to 0x45: null pointer + 0x45"),
        (8, "EXCEPTION_ACCESS_VIOLATION_EXEC", "execution of 0x45: null pointer + 0x45"),
        (5, "EXCEPTION_ACCESS_VIOLATION / 0x00000005", "access of unknown kind 0x5 to 0x45"),
    ],
)
def test_an_access_violation_says_how_and_where(kind, name, sentence):
    reason = windows(0xC0000005, kind, 0x45)
    assert reason.name == name
    assert sentence in reason.sentence
    assert (reason.address, reason.address_kind) == (0x45, "memory")


def test_an_access_violation_without_parameters_claims_no_address():
    reason = windows(0xC0000005)
    assert reason.name == "EXCEPTION_ACCESS_VIOLATION"
    assert (reason.address, reason.address_kind) == (0x401000, "instruction")


def test_all_ones_on_x86_64_windows_is_not_taken_for_the_address():
    reason = windows(0xC0000005, 0, ALL_ONES)
    assert reason.address_kind == "unknown"
    assert "not in the record" in reason.sentence
    assert hex(ALL_ONES) not in reason.sentence


def test_all_ones_on_arm64_is_an_address():
    assert windows(0xC0000005, 0, ALL_ONES, architecture="arm64").address_kind == "memory"


def test_sign_extended_32_bit_addresses_are_cut_to_their_width():
    reason = windows(0xC0000005, 1, 0xFFFFFFFF00000045, architecture="x86")
    assert reason.address == 0x45


def test_an_in_page_error_tells_why_the_page_could_not_be_read():
    reason = windows(0xC0000006, 0, 0x7FF600001000, 0xC000009C)
    assert reason.name == "EXCEPTION_IN_PAGE_ERROR_READ / STATUS_DEVICE_DATA_ERROR"
    assert "Device reports bad blocks" in reason.sentence


def test_an_in_page_error_of_unknown_status_shows_the_number():
    assert windows(0xC0000006, 0, 0x1000, 0xC0999999).name.endswith("/ 0xc0999999")


def test_fail_fast_is_a_buffer_overrun_only_when_it_says_so():
    overrun = windows(0xC0000409, 2)
    assert overrun.name.endswith("FAST_FAIL_STACK_COOKIE_CHECK_FAILURE")
    assert "stack buffer overrun" in overrun.sentence
    assert "this is not" not in overrun.sentence
    aborted = windows(0xC0000409, 7)
    assert aborted.name.endswith("FAST_FAIL_FATAL_APP_EXIT")
    assert "not a stack buffer overrun" in aborted.sentence


def test_an_unknown_fail_fast_code_is_a_number():
    assert windows(0xC0000409, 999).name.endswith("/ 0x000003e7")
    assert windows(0xC0000409).name == "EXCEPTION_STACK_BUFFER_OVERRUN"


def test_a_cpp_exception_points_to_its_object_and_tells_a_rethrow():
    thrown = windows(0xE06D7363, 0x19930520, 0x7000, 0x8000, 0)
    assert thrown.name == "UNHANDLED_CPP_EXCEPTION"
    assert "0x7000" in thrown.sentence
    assert "rethrow" in windows(0xE06D7363, 0x19930520, 0, 0, 0).sentence
    assert "object" not in windows(0xE06D7363).sentence


def test_a_requested_dump_is_no_crash():
    assert not windows(0x0517A7ED).is_crash
    assert not linux(0xFFFFFFFF, 0).is_crash
    assert not macos(0x43507378).is_crash


def test_a_dump_of_a_killed_target_is_a_crash_with_its_cause():
    reason = windows(0x0CCA11ED)
    assert reason.is_crash
    assert "DumpAndCrashTargetProcess" in reason.sentence


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0xC0070005, "Win32 error 5"),
        (0x800706BA, "Win32 error 1722"),
        (0xE0001234, "raised by the program"),
        (0xC0777777, "Exception code"),
    ],
)
def test_codes_without_a_name_say_what_their_bits_say(code, words):
    reason = windows(code)
    assert reason.name == f"0x{code:08x}"
    assert words in reason.sentence


def test_the_tables_hold_no_number_twice_and_speak_for_themselves():
    assert not set(CODES) & set(FOREIGN)
    assert len(CODES) >= 150
    assert len({name for name, _ in CODES.values()}) == len(CODES)
    for name, words in [*CODES.values(), *FOREIGN.values(), *FAST_FAIL.values()]:
        assert name
        assert words
        assert name not in words


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_status_names_itself(code):
    assert windows(code).name == CODES[code][0]


def test_a_fault_tells_what_the_kernel_says_of_it():
    reason = linux(11, 1, 0x45)
    assert reason.name == "SIGSEGV / SEGV_MAPERR"
    assert reason.sentence == (
        "Segmentation fault at 0x45 (null pointer + 0x45): no memory is mapped there"
    )
    assert reason.address_kind == "memory"


def test_a_general_protection_fault_does_not_claim_a_null_pointer():
    reason = linux(11, 0x80)
    assert reason.name == "SIGSEGV / SI_KERNEL"
    assert reason.address_kind == "unknown"
    assert "non-canonical" in reason.sentence
    assert "null" not in reason.sentence


def test_without_si_code_a_null_address_may_be_a_general_protection_fault():
    reason = linux(11, 0, 0, si_code_is_known=False)
    assert reason.name == "SIGSEGV"
    assert "null pointer, or a non-canonical address" in reason.sentence
    assert "non-canonical" not in linux(11, 0, 0, "arm64", si_code_is_known=False).sentence


def test_a_sent_signal_names_its_sender_and_no_address():
    reason = linux(11, 0, 1000 << 32 | 4711)
    assert reason.name == "SIGSEGV / SI_USER"
    assert reason.address_kind == "sender"
    assert reason.sentence.endswith("by process 4711, user 1000")


def test_on_32_bits_the_sender_has_no_room_for_its_user():
    assert linux(6, -6, 4711, "x86").sentence.endswith("by process 4711")


def test_an_abort_without_a_sender_claims_none():
    reason = linux(6, -6, 0)
    assert reason.name == "SIGABRT / SI_TKILL"
    assert "process" not in reason.sentence
    assert reason.address_kind == "unknown"


def test_an_abort_without_si_code_still_tells_the_sender():
    assert "process 4711" in linux(6, 0, 4711, si_code_is_known=False).sentence
    assert linux(6, 0, 0, si_code_is_known=False).sentence == SIGNALS[6][1]


@pytest.mark.parametrize(
    ("signal", "si_code", "name", "words"),
    [
        (8, 1, "SIGFPE / FPE_INTDIV", "integer division by zero, at instruction 0x00005555"),
        (4, 2, "SIGILL / ILL_ILLOPN", "illegal operand"),
        (7, 2, "SIGBUS / BUS_ADRERR", "beyond the end of a mapped file"),
        (5, 1, "SIGTRAP / TRAP_BRKPT", "breakpoint"),
        (31, 1, "SIGSYS / SYS_SECCOMP", "seccomp"),
        (11, 99, "SIGSEGV / 0x00000063", "si_code 99"),
        (77, 1, "0x0000004d / 0x00000001", "Signal 77"),
    ],
)
def test_signals_and_their_codes(signal, si_code, name, words):
    reason = linux(signal, si_code, 0x5555_0000_1000)
    assert reason.name == name
    assert words in reason.sentence


def test_a_breakpoint_of_x86_has_no_address_in_the_record():
    reason = linux(5, 0x80)
    assert "breakpoint" in reason.sentence
    assert reason.address_kind == "unknown"
    assert "not in the record" in linux(11, 0x80, 0, "arm").sentence


def test_without_si_code_other_signals_claim_only_what_they_are():
    assert linux(8, 0, 0x401000, si_code_is_known=False).address_kind == "instruction"
    assert linux(15, 0, 0x401000, si_code_is_known=False).address_kind == "unknown"


def test_mips_numbers_its_signals_differently():
    assert describe_reason("linux", "mips", 10, 1, (), 0x45).name == "SIGBUS / BUS_ADRALN"
    assert describe_reason("linux", "mips", 11, 1, (), 0x45).name == "SIGSEGV / SEGV_MAPERR"


def test_android_has_the_signals_of_linux():
    assert describe_reason("android", "arm64", 11, 1).name == "SIGSEGV / SEGV_MAPERR"


@pytest.mark.parametrize(
    ("signal", "si_code"), [(s, c) for s, codes in KERNEL_CODES.items() for c in codes]
)
def test_every_si_code_names_itself(signal, si_code):
    number = next(number for number, (name, _) in SIGNALS.items() if name == signal)
    assert linux(number, si_code, 0x1000).name == f"{signal} / {KERNEL_CODES[signal][si_code][0]}"


@pytest.mark.parametrize(
    ("code", "flags", "architecture", "name"),
    [
        (1, 1, "x86_64", "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS"),
        (1, 2, "arm64", "EXC_BAD_ACCESS / KERN_PROTECTION_FAILURE"),
        (1, 0x105, "arm64", "EXC_BAD_ACCESS / EXC_ARM_PAC_FAIL"),
        (1, 13, "x86_64", "EXC_BAD_ACCESS / EXC_I386_GPFLT"),
        (2, 1, "x86_64", "EXC_BAD_INSTRUCTION / EXC_I386_INVOP"),
        (2, 1, "arm64", "EXC_BAD_INSTRUCTION / EXC_ARM_UNDEFINED"),
        (3, 1, "x86_64", "EXC_ARITHMETIC / EXC_I386_DIV"),
        (5, 0x10002, "x86_64", "EXC_SOFTWARE / EXC_UNIX_ABORT"),
        (6, 2, "x86_64", "EXC_BREAKPOINT / EXC_I386_BPT"),
        (6, 1, "arm64", "EXC_BREAKPOINT / EXC_ARM_BREAKPOINT"),
        (7, 99, "x86_64", "EXC_SYSCALL / 0x00000063"),
        (11, 3 << 29, "arm64", "EXC_RESOURCE / RESOURCE_TYPE_MEMORY"),
        (12, 2 << 29, "arm64", "EXC_GUARD / GUARD_TYPE_FD"),
        (12, 7 << 29, "arm64", "EXC_GUARD / 0xe0000000"),
        (0x43506E78, 0, "arm64", "NSEXCEPTION"),
        (99, 0, "arm64", "unknown 0x00000063 / 0x00000000"),
    ],
)
def test_mach_exceptions(code, flags, architecture, name):
    assert macos(code, flags, architecture=architecture).name == name


def test_a_mach_general_protection_fault_has_no_memory_address():
    reason = macos(1, 13)
    assert reason.address_kind == "instruction"
    assert "not in the record" in reason.sentence


def test_a_process_ended_by_a_signal_names_the_signal():
    assert macos(10, 6 << 24).name == "EXC_CRASH / SIGABRT"
    crashpad = macos(0, 0, 10, 0x0B000000, 0)
    assert crashpad.name == "EXC_CRASH / SIGSEGV"
    assert macos(0, 0).name == "unknown 0x00000000 / 0x00000000"
    assert macos(10, 99 << 24).name == "EXC_CRASH / signal 99"


def test_every_mach_exception_has_a_name():
    for code, (name, _) in EXCEPTIONS.items():
        assert macos(code, 0x7777).name.startswith(name)


def test_a_platform_without_tables_shows_the_numbers():
    reason = describe_reason("fuchsia", "arm64", 0x1234, 0x5)
    assert reason.name == "unknown 0x00001234 / 0x00000005"


@pytest.mark.parametrize(
    ("address", "architecture", "words"),
    [
        (0, "x86", "null pointer"),
        (0xFFF, "x86_64", "null pointer + 0xfff"),
        (0xFFFFFFFFFFFFFFF8, "x86_64", "null pointer - 0x8"),
        (0xFFFFFFF8, "x86", "null pointer - 0x8"),
        (0xCDCDCDD1, "x86", "looks like fresh heap memory of the MSVC debug runtime"),
        (0xFEEEFEEE, "x86", "looks like memory freed by HeapFree under a debugger"),
        (0x41414141_41414141, "arm64", "looks like the text AAAA"),
        (0x1234_5678_9ABC_DEF0, "x86_64", "non-canonical address"),
        (0x5555_0000_1000, "x86_64", ""),
        (0x1234_5678, "x86", ""),
    ],
)
def test_what_stands_out_about_an_address(address, architecture, words):
    assert address_words(address, architecture) == words


def test_addresses_are_padded_unless_small():
    assert hex_address(0x45, "x86_64") == "0x45"
    assert hex_address(0x401000, "x86") == "0x00401000"
    assert hex_address(0x401000, "unknown") == "0x0000000000401000"


def test_kernel_addresses_are_canonical():
    assert is_canonical(0xFFFF_8000_0000_0000, "x86_64")
    assert is_canonical(0x1234_5678_9ABC_DEF0, "arm64")
