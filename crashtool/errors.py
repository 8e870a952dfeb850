"""Everything the user can act on that can go wrong, and the exit status each kind ends with."""

import os
import sys

DONE = 0
BUG = 1
USAGE = 2
INPUT_UNUSABLE = 3
CHECK_FAILED = 4
REFUSED = 5
REJECTED = 6
NETWORK = 7
PARTIAL = 8
MACHINE = 9
PROGRAM_NOT_EXECUTABLE = 126
PROGRAM_NOT_FOUND = 127
INTERRUPTED = 130


LOSSES = {  # of the libraries that every installation has
    "click": "no command can be read without it",
    "requests": "nothing can be sent or fetched without it",
    "tomli": "no crashtool.toml can be read without it",
    "minidump": "the handles in a dump cannot be read without it",
}
SHARING_VIOLATIONS = (32, 33)  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION (winerror.h)


def reason_of(error: Exception) -> str:
    """Why the system refused to open, read or write something: its own words, without the path.

    Windows refuses a file that another program holds, and `open` there is told no more than
    "permission denied".
    """
    if not may_be_in_use(error):
        return getattr(error, "strerror", None) or str(error)
    if getattr(error, "winerror", None):
        return "another program has it open"
    return "permission denied, or another program has it open"


def may_be_in_use(error: Exception) -> bool:
    """Whether another program's hold on a file may be why it cannot be used; on Windows alone."""
    number = getattr(error, "winerror", None)
    unknown = os.name == "nt" and isinstance(error, PermissionError) and number is None
    return number in SHARING_VIOLATIONS or unknown


class Terminated(KeyboardInterrupt):
    """A signal ends the program, `number` being the signal's; 128 + number is what shells show."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number


class CrashtoolError(Exception):
    """A fault the user can act on; shown as sentences, never as a traceback.

    `what` says what happened and to what, `hint` what to do next. `code` is the same class as
    the exit status, as the word that JSON output uses.
    """

    exit_status = BUG
    code = "bug"

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(CrashtoolError):
    """A setting or a combination of options that cannot be meant."""

    exit_status = USAGE
    code = "usage"


class InputUnusable(CrashtoolError):
    """A file that is missing, is not what it should be, or is damaged beyond use."""

    exit_status = INPUT_UNUSABLE
    code = "input_unusable"


class InUse(InputUnusable):
    """A file that another program holds locked: for milliseconds, as a rule."""

    code = "in_use"

    def __init__(self, path: object, error: OSError) -> None:
        doubt = "" if getattr(error, "winerror", None) else ", or may not be read"
        super().__init__(
            f"{path} is locked by another program{doubt}",
            hint="try again in a moment; a handler holds it only while it works on it",
        )


class MalformedFile(InputUnusable):
    """Bytes that break the format they claim to be; `offset` is where, in bytes from the start.

    `fault` is the sentence without the place.
    """

    code = "malformed_file"

    def __init__(self, what: str, *, offset: int, hint: str | None = None) -> None:
        super().__init__(f"{what} at offset {offset:#x}", hint=hint)
        self.fault = what
        self.offset = offset


class ProgramNotFound(InputUnusable):
    """A program to run that does not exist; the status is the one shells and env(1) use."""

    exit_status = PROGRAM_NOT_FOUND
    code = "program_not_found"


class ProgramNotExecutable(InputUnusable):
    """A program to run that cannot be executed; the status is the one shells and env(1) use."""

    exit_status = PROGRAM_NOT_EXECUTABLE
    code = "program_not_executable"


class NothingFound(InputUnusable):
    """A search that was told to find something and found nothing."""

    code = "nothing_found"


class CheckFailed(CrashtoolError):
    """A check that the user asked for came out negative."""

    exit_status = CHECK_FAILED
    code = "check_failed"


class BadUrl(CheckFailed):
    """A URL that cannot be used for what it is given for."""

    code = "bad_url"


class Refused(CrashtoolError):
    """The server does not accept the token, or not for this."""

    exit_status = REFUSED
    code = "refused"


class Rejected(CrashtoolError):
    """The server said no for a reason other than the token."""

    exit_status = REJECTED
    code = "rejected"


class NetworkFailure(CrashtoolError):
    """The server was not reached, or did not answer properly, after all tries."""

    exit_status = NETWORK
    code = "network"


class SetupFailure(NetworkFailure):
    """The server was not reached, and will not be until someone changes a setting."""


class TimedOut(NetworkFailure):
    """The server was silent for too long."""


class TooLarge(NetworkFailure):
    """The server sends more than can be meant: asking again would bring as much."""


class PartialFailure(CrashtoolError):
    """Some of several inputs failed."""

    exit_status = PARTIAL
    code = "partial"


class MachineFault(CrashtoolError):
    """What crashtool needs of the machine is not there: disk space, a process, permission.

    Never the fault of a file that the user gave.
    """

    exit_status = MACHINE
    code = "machine"


class CannotWrite(MachineFault):
    """The answer, or a file that was asked for, cannot be written: a full disk, a closed stream."""

    code = "cannot_write"


class MissingLibrary(UsageError):
    """A library is not installed, or cannot be loaded; `loss` says what cannot be done without."""

    code = "missing_library"

    def __init__(self, library: str, loss: str, reason: str = "") -> None:
        what = f"{library} cannot be loaded ({reason})" if reason else f"{library} is not installed"
        hint = _advice_for_library(library, is_broken=bool(reason))
        super().__init__(f"{what}: {loss}", hint=hint)


class IncompletePython(MachineFault):
    """Python itself lacks a part, as one that was built without OpenSSL's headers lacks _ssl."""

    code = "incomplete_python"

    def __init__(self, module: str) -> None:
        super().__init__(
            f"this Python was built without {module}, which crashtool needs",
            hint=f"run crashtool with another Python than {sys.executable}: no package can add it",
        )


def explain_import(error: ImportError) -> MissingLibrary | IncompletePython | None:
    """What a library that is not there says of the installation; None for our own modules."""
    library = (error.name or "").partition(".")[0]
    if library in ("", "crashtool"):
        return None
    if library in sys.stdlib_module_names:
        return IncompletePython(library)
    is_missing = isinstance(error, ModuleNotFoundError) and error.name == library
    loss = LOSSES.get(library, "this command cannot do its work without it")
    return MissingLibrary(library, loss, "" if is_missing else str(error))


def _advice_for_library(library: str, *, is_broken: bool) -> str:
    from crashtool.installing import advice_for_library

    return advice_for_library(library, is_broken=is_broken)


def how_to_install(extra: str) -> str:
    """The command that adds an extra of crashtool to the environment that it runs in."""
    from crashtool.installing import command_for_extra  # what it imports, only a fault needs

    return command_for_extra(extra)


class MissingExtra(UsageError):
    """A feature whose library is an optional extra that is not installed."""

    code = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra '{extra}', which is not installed",
            hint=how_to_install(extra),
        )


def cannot_write(place: object, error: OSError, *, hint: str | None = None) -> CannotWrite:
    """The error to raise for a place that the system does not let us write."""
    return CannotWrite(f"cannot write {place}: {reason_of(error)}", hint=hint)
