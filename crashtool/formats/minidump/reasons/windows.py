"""Windows: exception codes, the parameters some of them carry, and fail-fast codes."""

from __future__ import annotations

from crashtool.formats.minidump.reasons.reason import (
    AddressKind,
    Reason,
    address_words,
    fit_pointer,
    hex_address,
)
from crashtool.formats.minidump.reasons.windows_codes import CODES, FAST_FAIL, FOREIGN, NOT_CRASHES

ACCESS_VIOLATION = 0xC0000005
IN_PAGE_ERROR = 0xC0000006
STACK_BUFFER_OVERRUN = 0xC0000409
CPP_EXCEPTION = 0xE06D7363
CPP_MAGICS = (0x19930520, 0x19930521, 0x19930522, 0x01994000)  # ehdata.h, EH_MAGIC_NUMBER1..3
FAST_FAIL_STACK_COOKIE = 2
FAST_FAIL_LEGACY_GS = 0
FAST_FAIL_FATAL_APP_EXIT = 7

# EXCEPTION_RECORD.ExceptionInformation[0] of an access violation (winnt.h)
ACCESSES = {0: ("read", "READ"), 1: ("write", "WRITE"), 8: ("execute", "EXEC")}


def describe(architecture: str, code: int, parameters: tuple[int, ...], address: int) -> Reason:
    """The reason for an EXCEPTION_RECORD of Windows."""
    address = fit_pointer(address, architecture)
    if code in (ACCESS_VIOLATION, IN_PAGE_ERROR) and len(parameters) > 1:
        return _memory_access(architecture, code, parameters)
    if code == STACK_BUFFER_OVERRUN:
        return _fail_fast(code, parameters, address)
    if code == CPP_EXCEPTION:
        return _cpp_exception(parameters, address)
    if code in NOT_CRASHES:
        name, words = NOT_CRASHES[code]
        return Reason(name, words, address, is_crash=False)
    if code in CODES:
        return Reason(*CODES[code], address)
    return _foreign(code, address)


def name_of(code: int) -> str:
    """The constant's name, or the number."""
    return CODES[code][0] if code in CODES else f"0x{code:08x}"


def _memory_access(architecture: str, code: int, parameters: tuple[int, ...]) -> Reason:
    general, words = CODES[code]
    kind = parameters[0]
    access, suffix = ACCESSES.get(kind, ("", ""))
    target = fit_pointer(parameters[1], architecture)
    shown = hex_address(target, architecture)
    note = address_words(target, architecture)
    name = f"{general}_{suffix}" if suffix else f"{general} / 0x{kind:08x}"
    verb = {"read": "read of", "write": "write to", "execute": "execution of"}.get(
        access, f"access of unknown kind {kind:#x} to"
    )
    kind_of_address: AddressKind = "memory"
    if architecture == "x86_64" and target == (1 << 64) - 1:
        kind_of_address = "unknown"
        # The CPU raises a general-protection fault, which has no address; Windows puts in -1.
        note = "non-canonical address (the faulting address is not in the record)"
        sentence = f"{words}: {access or 'access'} of a {note}"
    else:
        sentence = f"{words}: {verb} {shown}" + (f": {note}" if note else "")
    if code == IN_PAGE_ERROR and len(parameters) > 2:  # noqa: PLR2004 (the third is the status)
        status = parameters[2] & 0xFFFFFFFF
        name += f" / {name_of(status)}"
        sentence += f"; the page could not be read in: {_words_of(status)}"
    return Reason(name, sentence, target, kind_of_address, note, access)


def _fail_fast(code: int, parameters: tuple[int, ...], address: int) -> Reason:
    general, words = CODES[code]
    if not parameters:
        return Reason(general, words, address)
    subcode = parameters[0] & 0xFFFFFFFF
    name, meaning = FAST_FAIL.get(subcode, (f"0x{subcode:08x}", f"subcode {subcode}"))
    sentence = f"Fail-fast: {meaning}"
    if subcode not in (FAST_FAIL_LEGACY_GS, FAST_FAIL_STACK_COOKIE):
        sentence += "; the process ended itself, this is not a stack buffer overrun"
    return Reason(f"{general} / {name}", sentence, address)


def _cpp_exception(parameters: tuple[int, ...], address: int) -> Reason:
    sentence = "Unhandled C++ exception (throw)"
    if len(parameters) >= 3 and parameters[0] & 0xFFFFFFFF in CPP_MAGICS:  # noqa: PLR2004
        if parameters[2] == 0:
            sentence = "C++ rethrow (throw;) with no exception to throw again"
        else:
            sentence += f", the thrown object is at {parameters[1]:#x}"
    return Reason("UNHANDLED_CPP_EXCEPTION", sentence, address)


def _foreign(code: int, address: int) -> Reason:
    """Codes that runtimes other than Windows raise, and what the bits of the rest say."""
    if code in FOREIGN:
        return Reason(*FOREIGN[code], address)
    if code >> 16 == 0xC007:  # noqa: PLR2004 (HRESULT-shaped status of facility Win32)
        return Reason(f"0x{code:08x}", f"Exception for Win32 error {code & 0xFFFF}", address)
    if code & 0xFFFF0000 == 0x80070000:  # noqa: PLR2004 (winerror.h, HRESULT_FROM_WIN32)
        return Reason(f"0x{code:08x}", f"HRESULT for Win32 error {code & 0xFFFF}", address)
    if code & 0x20000000:  # winnt.h, APPLICATION_ERROR_MASK: raised by a program, not by Windows
        return Reason(f"0x{code:08x}", f"Exception 0x{code:08x} raised by the program", address)
    return Reason(f"0x{code:08x}", f"Exception code 0x{code:08x}", address)


def _words_of(status: int) -> str:
    return f"{name_of(status)}, {CODES[status][1]}" if status in CODES else name_of(status)
