"""Linux and Android: signals, their si_code, and what si_addr is in each case."""

from __future__ import annotations

from crashtool.formats.minidump.reasons.reason import (
    Reason,
    address_words,
    fit_pointer,
    hex_address,
    pointer_size,
)

DUMP_REQUESTED = 0xFFFFFFFF  # Breakpad's and Crashpad's signal number for "no signal"
SI_USER, SI_KERNEL, SI_QUEUE, SI_TKILL = 0, 0x80, -1, -6

SIGNALS = {  # signal.h of x86, ARM and RISC-V; MIPS differs from 7 on
    1: ("SIGHUP", "Hang-up"),
    2: ("SIGINT", "Interrupt from the keyboard"),
    3: ("SIGQUIT", "Quit from the keyboard"),
    4: ("SIGILL", "Illegal instruction"),
    5: ("SIGTRAP", "Trap or breakpoint"),
    6: ("SIGABRT", "Abort: the program ended itself"),
    7: ("SIGBUS", "Bus error"),
    8: ("SIGFPE", "Arithmetic error"),
    9: ("SIGKILL", "Killed"),
    10: ("SIGUSR1", "User signal 1"),
    11: ("SIGSEGV", "Segmentation fault"),
    12: ("SIGUSR2", "User signal 2"),
    13: ("SIGPIPE", "Broken pipe"),
    14: ("SIGALRM", "Alarm"),
    15: ("SIGTERM", "Termination request"),
    16: ("SIGSTKFLT", "Coprocessor stack fault"),
    17: ("SIGCHLD", "A child ended"),
    18: ("SIGCONT", "Continue"),
    19: ("SIGSTOP", "Stop"),
    20: ("SIGTSTP", "Stop from the terminal"),
    21: ("SIGTTIN", "Background read from the terminal"),
    22: ("SIGTTOU", "Background write to the terminal"),
    23: ("SIGURG", "Urgent data on a socket"),
    24: ("SIGXCPU", "CPU time limit exceeded"),
    25: ("SIGXFSZ", "File size limit exceeded"),
    26: ("SIGVTALRM", "Virtual timer"),
    27: ("SIGPROF", "Profiling timer"),
    28: ("SIGWINCH", "Window size changed"),
    29: ("SIGIO", "I/O is possible"),
    30: ("SIGPWR", "Power failure"),
    31: ("SIGSYS", "Bad system call"),
}
MIPS_SIGNALS = {7: ("SIGEMT", "Emulator trap"), 10: SIGNALS[7], 12: SIGNALS[31]}

# asm-generic/siginfo.h: what the kernel says, for each signal
KERNEL_CODES = {
    "SIGILL": {
        1: ("ILL_ILLOPC", "illegal opcode"),
        2: ("ILL_ILLOPN", "illegal operand"),
        3: ("ILL_ILLADR", "illegal addressing mode"),
        4: ("ILL_ILLTRP", "illegal trap"),
        5: ("ILL_PRVOPC", "privileged opcode"),
        6: ("ILL_PRVREG", "privileged register"),
        7: ("ILL_COPROC", "coprocessor error"),
        8: ("ILL_BADSTK", "internal stack error"),
        9: ("ILL_BADIADDR", "instruction address without code"),
    },
    "SIGFPE": {
        1: ("FPE_INTDIV", "integer division by zero"),
        2: ("FPE_INTOVF", "integer overflow"),
        3: ("FPE_FLTDIV", "floating-point division by zero"),
        4: ("FPE_FLTOVF", "floating-point overflow"),
        5: ("FPE_FLTUND", "floating-point underflow"),
        6: ("FPE_FLTRES", "floating-point inexact result"),
        7: ("FPE_FLTINV", "invalid floating-point operation"),
        8: ("FPE_FLTSUB", "subscript out of range"),
        14: ("FPE_FLTUNK", "floating-point error of unknown kind"),
        15: ("FPE_CONDTRAP", "conditional trap"),
    },
    "SIGSEGV": {
        1: ("SEGV_MAPERR", "no memory is mapped there"),
        2: ("SEGV_ACCERR", "the memory's protection forbids it"),
        3: ("SEGV_BNDERR", "bounds check failed"),
        4: ("SEGV_PKUERR", "memory protection key forbids it"),
        5: ("SEGV_ACCADI", "memory tagging is not enabled there"),
        6: ("SEGV_ADIDERR", "memory tag mismatch, noticed late"),
        7: ("SEGV_ADIPERR", "memory tag mismatch"),
        8: ("SEGV_MTEAERR", "memory tag mismatch, noticed late (ARM MTE)"),
        9: ("SEGV_MTESERR", "memory tag mismatch (ARM MTE)"),
        10: ("SEGV_CPERR", "control protection (shadow stack)"),
    },
    "SIGBUS": {
        1: ("BUS_ADRALN", "address is not aligned"),
        2: ("BUS_ADRERR", "no such physical address, as beyond the end of a mapped file"),
        3: ("BUS_OBJERR", "hardware error of the object"),
        4: ("BUS_MCEERR_AR", "memory hardware error, in use"),
        5: ("BUS_MCEERR_AO", "memory hardware error, not in use"),
    },
    "SIGTRAP": {
        1: ("TRAP_BRKPT", "breakpoint"),
        2: ("TRAP_TRACE", "single step"),
        3: ("TRAP_BRANCH", "branch taken"),
        4: ("TRAP_HWBKPT", "hardware breakpoint or watchpoint"),
        5: ("TRAP_UNK", "trap of unknown kind"),
        6: ("TRAP_PERF", "performance event"),
    },
    "SIGSYS": {
        1: ("SYS_SECCOMP", "a seccomp filter forbids it"),
        2: ("SYS_USER_DISPATCH", "caught by system call user dispatch"),
    },
    "SIGCHLD": {
        1: ("CLD_EXITED", "child exited"),
        2: ("CLD_KILLED", "child was killed"),
        3: ("CLD_DUMPED", "child crashed"),
    },
}
SENT_CODES = {
    SI_USER: ("SI_USER", "sent with kill() or raise()"),
    SI_KERNEL: ("SI_KERNEL", "sent by the kernel"),
    SI_QUEUE: ("SI_QUEUE", "sent with sigqueue()"),
    -2: ("SI_TIMER", "a timer expired"),
    -3: ("SI_MESGQ", "a message queue changed"),
    -4: ("SI_ASYNCIO", "asynchronous I/O finished"),
    -5: ("SI_SIGIO", "queued SIGIO"),
    SI_TKILL: ("SI_TKILL", "sent with tkill() or tgkill()"),
    -7: ("SI_DETHREAD", "execve() ends other threads"),
    -60: ("SI_ASYNCNL", "asynchronous name look-up finished"),
}
ACCESS_SIGNALS = ("SIGSEGV", "SIGBUS")
FAULT_SIGNALS = (*ACCESS_SIGNALS, "SIGILL", "SIGFPE", "SIGTRAP")


def describe(
    architecture: str, code: int, flags: int, address: int, *, si_code_is_known: bool
) -> Reason:
    """The reason for a signal: `code` is the signal number, `flags` its si_code, if recorded."""
    if code == DUMP_REQUESTED:
        words = "Not a crash: the program asked for this dump (DumpWithoutCrash)"
        return Reason("DUMP_REQUESTED", words, address, is_crash=False)
    address = fit_pointer(address, architecture)
    table = MIPS_SIGNALS if architecture.startswith("mips") else SIGNALS
    signal, words = table.get(code) or SIGNALS.get(code) or (f"0x{code:08x}", f"Signal {code}")
    si_code = flags - (1 << 32) if flags >> 31 else flags
    if si_code == SI_USER and not si_code_is_known:
        return _without_code(architecture, signal, words, address)
    name, detail = KERNEL_CODES.get(signal, {}).get(si_code) or SENT_CODES.get(
        si_code, (f"0x{flags:08x}", f"si_code {si_code}")
    )
    name = f"{signal} / {name}"
    if si_code <= 0 or signal not in FAULT_SIGNALS:
        return _sent(architecture, name, f"{words}, {detail}", address)
    if si_code == SI_KERNEL and address == 0:
        return _without_address(architecture, name, signal, words, detail)
    return _fault(architecture, name, f"{words}: {detail}", address, signal)


def _fault(architecture: str, name: str, sentence: str, address: int, signal: str) -> Reason:
    """A signal of the kernel for a fault: si_addr is an address."""
    shown = hex_address(address, architecture)
    if signal not in ACCESS_SIGNALS:
        return Reason(name, f"{sentence}, at instruction {shown}", address)
    note = address_words(address, architecture)
    sentence = sentence.replace(":", f" at {shown}" + (f" ({note})" if note else "") + ":", 1)
    return Reason(name, sentence, address, "memory", note)


def _without_address(architecture: str, name: str, signal: str, words: str, detail: str) -> Reason:
    """SI_KERNEL: on x86 a general-protection fault, for which the CPU gives no address."""
    if architecture == "x86_64" and signal in ACCESS_SIGNALS:
        note = "non-canonical address (the faulting address is not in the record)"
        sentence = f"{words}: a general-protection fault, most often a {note}"
        return Reason(name, sentence, 0, "unknown", note)
    if signal == "SIGTRAP":
        return Reason(name, f"{words}: breakpoint instruction", 0, "unknown")
    return Reason(name, f"{words}, {detail}; the address is not in the record", 0, "unknown")


def _sent(architecture: str, name: str, sentence: str, address: int) -> Reason:
    """A signal that was sent: where si_addr would be, siginfo_t holds the sender's pid and uid."""
    if address:
        sentence += f" by process {address & 0xFFFFFFFF}"
        if pointer_size(architecture) == 8:  # noqa: PLR2004 (si_uid lies behind 32 bits of address)
            sentence += f", user {address >> 32}"
    return Reason(name, sentence, address, "sender" if address else "unknown")


def _without_code(architecture: str, signal: str, words: str, address: int) -> Reason:
    """Breakpad wrote no si_code before 2020: a fault and a sent signal look alike."""
    if signal in ACCESS_SIGNALS:
        note = address_words(address, architecture)
        if address == 0 and architecture == "x86_64":  # si_code would tell: SI_KERNEL or a fault
            note += ", or a non-canonical address (the record does not tell)"
        sentence = f"{words} at {hex_address(address, architecture)}" + (
            f" ({note})" if note else ""
        )
        return Reason(signal, sentence, address, "memory", note)
    if signal in FAULT_SIGNALS:
        return Reason(
            signal, f"{words}, at instruction {hex_address(address, architecture)}", address
        )
    if signal == "SIGABRT":
        return _sent(architecture, signal, words + (", sent" if address else ""), address)
    return Reason(signal, words, address, "unknown")
