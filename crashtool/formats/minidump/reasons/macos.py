"""macOS and iOS: Mach exceptions, their codes, and the Unix signals inside EXC_CRASH."""

from __future__ import annotations

from crashtool.formats.minidump.reasons.reason import Reason, address_words, hex_address

EXC_BAD_ACCESS, EXC_BAD_INSTRUCTION, EXC_ARITHMETIC, EXC_SOFTWARE = 1, 2, 3, 5
EXC_BREAKPOINT, EXC_CRASH, EXC_RESOURCE, EXC_GUARD = 6, 10, 11, 12
CRASHPAD_SIMULATED = 0x43507378  # 'CPsx', Crashpad util/mach/mach_extensions.h
CRASHPAD_NSEXCEPTION = 0x43506E78  # 'CPnx'
BREAKPAD_NSEXCEPTION = 0xDEADC0DE  # Breakpad, minidump_exception_mac.h

EXCEPTIONS = {  # mach/exception_types.h
    1: ("EXC_BAD_ACCESS", "Bad access"),
    2: ("EXC_BAD_INSTRUCTION", "Bad instruction"),
    3: ("EXC_ARITHMETIC", "Arithmetic error"),
    4: ("EXC_EMULATION", "Emulation instruction"),
    5: ("EXC_SOFTWARE", "Software exception"),
    6: ("EXC_BREAKPOINT", "Breakpoint or trap"),
    7: ("EXC_SYSCALL", "System call"),
    8: ("EXC_MACH_SYSCALL", "Mach system call"),
    9: ("EXC_RPC_ALERT", "RPC alert"),
    10: ("EXC_CRASH", "Abnormal end of the process"),
    11: ("EXC_RESOURCE", "Resource limit reached"),
    12: ("EXC_GUARD", "Guarded resource was violated"),
    13: ("EXC_CORPSE_NOTIFY", "Corpse notification"),
}
KERN_CODES = {  # mach/kern_return.h
    1: ("KERN_INVALID_ADDRESS", "no memory is mapped there"),
    2: ("KERN_PROTECTION_FAILURE", "the memory's protection forbids it"),
    3: ("KERN_NO_SPACE", "no address space left"),
    4: ("KERN_INVALID_ARGUMENT", "invalid argument"),
    5: ("KERN_FAILURE", "failure"),
    8: ("KERN_NO_ACCESS", "no access"),
    9: ("KERN_MEMORY_FAILURE", "memory failure, as of a page that could not be read in"),
    10: ("KERN_MEMORY_ERROR", "memory error"),
    14: ("KERN_NOT_RECEIVER", "not the receiver"),
    50: ("KERN_CODESIGN_ERROR", "code signature is not valid"),
}
GENERAL_PROTECTION = (
    "general-protection fault: a non-canonical address, most often "
    "(the faulting address is not in the record)"
)
X86_CODES = {  # mach/i386/exception.h
    EXC_BAD_ACCESS: {
        11: ("EXC_I386_STKFLT", "stack fault"),
        12: ("EXC_I386_STKFLT", "stack fault"),
        13: ("EXC_I386_GPFLT", GENERAL_PROTECTION),
    },
    EXC_BAD_INSTRUCTION: {
        1: ("EXC_I386_INVOP", "invalid operation code (ud2 and the like)"),
        10: ("EXC_I386_INVTSSFLT", "invalid task segment"),
        11: ("EXC_I386_SEGNPFLT", "segment not present"),
        12: ("EXC_I386_STKFLT", "stack fault"),
        13: ("EXC_I386_GPFLT", "general-protection fault"),
        17: ("EXC_I386_ALIGNFLT", "alignment fault"),
    },
    EXC_ARITHMETIC: {
        1: ("EXC_I386_DIV", "division by zero or overflow"),
        2: ("EXC_I386_INTO", "overflow trap"),
        3: ("EXC_I386_NOEXT", "no floating-point unit"),
        4: ("EXC_I386_EXTOVR", "floating-point overrun"),
        5: ("EXC_I386_EXTERR", "floating-point error"),
        6: ("EXC_I386_EMERR", "floating-point emulator error"),
        7: ("EXC_I386_BOUND", "bound check failed"),
        8: ("EXC_I386_SSEEXTERR", "SSE floating-point error"),
    },
    EXC_BREAKPOINT: {
        1: ("EXC_I386_SGL", "single step"),
        2: ("EXC_I386_BPT", "breakpoint instruction"),
    },
}
ARM_CODES = {  # mach/arm/exception.h
    EXC_BAD_ACCESS: {
        0x101: ("EXC_ARM_DA_ALIGN", "data is not aligned"),
        0x102: ("EXC_ARM_DA_DEBUG", "debug exception"),
        0x103: ("EXC_ARM_SP_ALIGN", "stack pointer is not aligned"),
        0x104: ("EXC_ARM_SWP", "SWP instruction"),
        0x105: ("EXC_ARM_PAC_FAIL", "pointer authentication failed"),
    },
    EXC_BAD_INSTRUCTION: {1: ("EXC_ARM_UNDEFINED", "undefined instruction")},
    EXC_ARITHMETIC: {
        0: ("EXC_ARM_FP_UNDEFINED", "undefined floating-point operation"),
        1: ("EXC_ARM_FP_IO", "invalid floating-point operation"),
        2: ("EXC_ARM_FP_DZ", "floating-point division by zero"),
        3: ("EXC_ARM_FP_OF", "floating-point overflow"),
        4: ("EXC_ARM_FP_UF", "floating-point underflow"),
        5: ("EXC_ARM_FP_IX", "floating-point inexact result"),
        6: ("EXC_ARM_FP_ID", "floating-point denormal input"),
    },
    EXC_BREAKPOINT: {1: ("EXC_ARM_BREAKPOINT", "breakpoint instruction")},
}
SOFTWARE_CODES = {
    0x10000: ("EXC_UNIX_BAD_SYSCALL", "bad system call"),
    0x10001: ("EXC_UNIX_BAD_PIPE", "broken pipe"),
    0x10002: ("EXC_UNIX_ABORT", "abort"),
    0x10003: ("EXC_SOFT_SIGNAL", "Unix signal"),
    BREAKPAD_NSEXCEPTION: ("UNCAUGHT_NS_EXCEPTION", "uncaught Objective-C exception"),
}
RESOURCES = {
    1: ("RESOURCE_TYPE_CPU", "CPU time"),
    2: ("RESOURCE_TYPE_WAKEUPS", "wake-ups"),
    3: ("RESOURCE_TYPE_MEMORY", "memory"),
    4: ("RESOURCE_TYPE_IO", "disk writes"),
    5: ("RESOURCE_TYPE_THREADS", "threads"),
    6: ("RESOURCE_TYPE_PORTS", "Mach ports"),
}
GUARDS = {
    0: ("GUARD_TYPE_NONE", "nothing"),
    1: ("GUARD_TYPE_MACH_PORT", "a Mach port"),
    2: ("GUARD_TYPE_FD", "a file descriptor"),
    3: ("GUARD_TYPE_USER", "a user guard"),
    4: ("GUARD_TYPE_VN", "a vnode"),
    5: ("GUARD_TYPE_VIRT_MEMORY", "virtual memory"),
}
SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    5: "SIGTRAP",
    6: "SIGABRT",
    7: "SIGEMT",
    8: "SIGFPE",
    9: "SIGKILL",
    10: "SIGBUS",
    11: "SIGSEGV",
    12: "SIGSYS",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
}


def describe(
    architecture: str, code: int, flags: int, parameters: tuple[int, ...], address: int
) -> Reason:
    """The reason for a Mach exception: `code` is its type, `flags` its first code."""
    if code == CRASHPAD_SIMULATED:
        words = "Not a crash: the program asked for this dump (SimulateCrash, DumpWithoutCrash)"
        return Reason("SIMULATED", words, address, is_crash=False)
    if code == CRASHPAD_NSEXCEPTION:
        return Reason("NSEXCEPTION", "Uncaught Objective-C exception (NSException)", address)
    if code in (0, EXC_CRASH):
        return _crash(code, flags, parameters, address)
    if code == EXC_RESOURCE:
        return _guarded("EXC_RESOURCE", "Resource limit reached", RESOURCES, flags, address)
    if code == EXC_GUARD:
        return _guarded("EXC_GUARD", "Violation of", GUARDS, flags, address)
    return _plain(architecture, code, flags, address)


def _plain(architecture: str, code: int, flags: int, address: int) -> Reason:
    general, words = EXCEPTIONS.get(code, (f"unknown 0x{code:08x}", f"Exception {code:#x}"))
    by_cpu = X86_CODES if architecture in ("x86", "x86_64") else ARM_CODES
    code_name = by_cpu.get(code, {}).get(flags)
    if code == EXC_BAD_ACCESS:
        code_name = KERN_CODES.get(flags) or code_name
    elif code == EXC_SOFTWARE:
        code_name = SOFTWARE_CODES.get(flags)
    name, detail = code_name or (f"0x{flags:08x}", f"code {flags:#x}")
    shown = hex_address(address, architecture)
    if code != EXC_BAD_ACCESS:
        return Reason(f"{general} / {name}", f"{words}: {detail}, at {shown}", address)
    if name == "EXC_I386_GPFLT":  # Crashpad then puts the instruction where the address would be
        return Reason(f"{general} / {name}", f"{words}: {detail}", address)
    note = address_words(address, architecture)
    sentence = f"{words} at {shown}" + (f" ({note})" if note else "") + f": {detail}"
    return Reason(f"{general} / {name}", sentence, address, "memory", note)


def _crash(code: int, flags: int, parameters: tuple[int, ...], address: int) -> Reason:
    """EXC_CRASH: the signal is in bits 24..31 of its code (Crashpad's exception_types.h).

    Crashpad puts the exception that led to it in its place, 0 when there was none, and keeps the
    original type and code in the parameters.
    """
    if code == EXC_CRASH:
        status = parameters[1] if len(parameters) > 1 else flags
    elif len(parameters) > 1 and parameters[0] == EXC_CRASH:
        status = parameters[1]
    else:
        return Reason(f"unknown 0x{code:08x} / 0x{flags:08x}", "No exception type", address)
    number = status >> 24 & 0xFF
    signal = SIGNALS.get(number, f"signal {number}")
    words = "Abort: the program ended itself" if signal == "SIGABRT" else "Ended by a signal"
    return Reason(f"EXC_CRASH / {signal}", f"{words} ({signal})", address)


def _guarded(
    name: str, words: str, kinds: dict[int, tuple[str, str]], flags: int, address: int
) -> Reason:
    """EXC_RESOURCE, EXC_GUARD: the kind is in the top 3 bits of the code's upper half."""
    kind, detail = kinds.get(flags >> 29, (f"0x{flags:08x}", f"kind {flags >> 29}"))
    return Reason(f"{name} / {kind}", f"{words}: {detail}", address)
