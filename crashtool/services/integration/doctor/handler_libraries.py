"""handler.libraries and handler.libcurl: what a crashpad_handler is loaded with, and uploads by."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from crashtool.formats.object_file.elf_dynamic import Dynamic
from crashtool.formats.object_file.macho import read_libraries
from crashtool.formats.object_file.pe_imports import read_imports
from crashtool.formats.object_kinds import ELF, MACHO, PE
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.build_kind import FOR_DEVELOPERS, tell_build
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import (
    DEBUG_RUNTIMES,
    SYSTEMS,
    markers_of,
    read_elf_dynamic,
    read_objects,
    this_machine,
)
from crashtool.services.integration.doctor.findings import failure, note, skip, warning
from crashtool.services.integration.doctor.library_search import Linker, Missing, find_missing
from crashtool.services.integration.doctor.pairing import find_programs
from crashtool.services.symbols.mapped_file import map_file
from crashtool.services.workers.child_environment import child_environment

# http_transport_libcurl.cc, in its order
LIBCURLS = ("libcurl.so", "libcurl-gnutls.so.4", "libcurl-nss.so.4", "libcurl.so.4")
LIBCURL_TEXT = b"libcurl-gnutls.so.4\0"
PACKAGES = {  # by the library: Debian's and Ubuntu's package, Fedora's, Alpine's
    "libcurl.so.4": ("libcurl4", "libcurl", "libcurl"),
    "libstdc++.so.6": ("libstdc++6", "libstdc++", "libstdc++"),
    "libc++.so.1": ("libc++1", "libcxx", "libc++"),
    "libz.so.1": ("zlib1g", "zlib", "zlib"),
    "libgcc_s.so.1": ("libgcc-s1", "libgcc", "libgcc"),
    "libssl.so.1.1": ("libssl1.1", "openssl1.1", "openssl1.1-compat"),
    "libssl.so.3": ("libssl3", "openssl-libs", "libssl3"),
}
# Of Visual C++'s redistributable: not part of Windows
VISUAL_CPP = ("vcruntime", "msvcp", "concrt", "vcomp")
WINDOWS_OWN = frozenset(
    f"{name}.dll"
    for name in (
        "advapi32",
        "bcrypt",
        "bcryptprimitives",
        "cabinet",
        "cfgmgr32",
        "combase",
        "comctl32",
        "comdlg32",
        "crypt32",
        "cryptbase",
        "d3d11",
        "d3d9",
        "dbghelp",
        "dnsapi",
        "dwmapi",
        "dxgi",
        "gdi32",
        "imm32",
        "iphlpapi",
        "kernel32",
        "kernelbase",
        "mpr",
        "msvcrt",
        "ncrypt",
        "netapi32",
        "normaliz",
        "ntdll",
        "ole32",
        "oleaut32",
        "opengl32",
        "powrprof",
        "propsys",
        "psapi",
        "rpcrt4",
        "sechost",
        "secur32",
        "setupapi",
        "shcore",
        "shell32",
        "shlwapi",
        "sspicli",
        "ucrtbase",
        "urlmon",
        "user32",
        "userenv",
        "uxtheme",
        "version",
        "wer",
        "winhttp",
        "wininet",
        "winmm",
        "wintrust",
        "wldap32",
        "ws2_32",
        "wtsapi32",
    )
)
PRINTING = "winspool.drv"
CURL_SECONDS = 20
ASK_CURL = """
import ctypes, sys
class Version(ctypes.Structure):
    _fields_ = [("age", ctypes.c_int), ("version", ctypes.c_char_p), ("number", ctypes.c_uint),
                ("host", ctypes.c_char_p), ("features", ctypes.c_int), ("ssl", ctypes.c_char_p),
                ("ssl_number", ctypes.c_long), ("libz", ctypes.c_char_p),
                ("protocols", ctypes.POINTER(ctypes.c_char_p))]
library = ctypes.CDLL(sys.argv[1])
library.curl_version_info.restype = ctypes.POINTER(Version)
protocols = library.curl_version_info(0).contents.protocols
index = 0
while protocols[index] and index < 200:
    print(protocols[index].decode("ascii", "replace"))
    index += 1
"""


def check_libraries(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Every library that it is linked with is there, in the version that it wants."""
    (first, *_) = examination.recall(read_objects, handler.path)
    if first.kind == PE:
        yield from _check_dlls(handler, examination)
    elif first.kind == MACHO:
        yield from _check_dylibs(handler)
    elif reason := _find_other_system(handler, examination):
        yield skip(handler.path, reason)
    else:
        for missing in find_missing(handler.path, examination):
            yield _tell_missing(handler, missing)


def _find_other_system(handler: Subject, examination: Examination) -> str:
    """Why the libraries of this machine are not those that the handler will meet."""
    (first, *_) = examination.recall(read_objects, handler.path)
    if examination.options.root is not None or (first.kind, first.architecture) == this_machine():
        return ""
    system = SYSTEMS.get(first.kind, first.kind)
    return f"it is for {system} on {first.architecture}: name such a system with --root DIR"


def _tell_missing(handler: Subject, missing: Missing) -> CheckResult:
    what = missing.library
    if missing.version:
        what += f" with {missing.version}"
    cause = f"{what} is not found on this system"
    if missing.wanted_by != handler.path:
        cause += f" ({Path(missing.wanted_by).name} wants it)"
    if missing.library.startswith("/"):
        fix = "use a handler built for this system's C library (musl, for instance, is not glibc)"
    elif missing.version:
        fix = "use a handler built on an older system, or ship the library beside it"
    else:
        fix = how_to_install(missing.library)
    return failure(handler.path, cause, "Every crash is lost: the handler does not start.", fix)


def how_to_install(library: str) -> str:
    """The packages that have a library, by distribution."""
    if library not in PACKAGES:
        return f"install {library}, or ship it beside the handler with an $ORIGIN run path"
    debian, fedora, alpine = PACKAGES[library]
    return (
        f"apt install {debian} (Debian, Ubuntu), dnf install {fedora} (Fedora), "
        f"apk add {alpine} (Alpine)"
    )


def _check_dlls(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    folder = Path(handler.path).parent
    beside = {entry.name.lower() for entry in folder.iterdir()}
    absent = [
        name
        for name in read_imports(map_file(handler.path))
        if not _is_of_windows(name.lower()) and name.lower() not in beside
    ]
    debug = [name for name in absent if name.lower() in DEBUG_RUNTIMES]
    runtime = [name for name in absent if name.lower().startswith(VISUAL_CPP) and name not in debug]
    other = [name for name in absent if name not in debug and name not in runtime]
    if debug:
        starters = list(find_programs(handler, examination))
        kinds = {tell_build(program, examination) for program in starters}
        tell = note if kinds == {FOR_DEVELOPERS} else failure
        yield tell(
            handler.path,
            f"it is a debug build: it needs {', '.join(debug)}",
            "It starts only where Visual Studio is installed; elsewhere every crash is lost.",
            "ship the handler of a release build",
        )
    if runtime:
        yield warning(
            handler.path,
            f"it needs {', '.join(runtime)}, and they are not beside it",
            "On a Windows without the Visual C++ redistributable the handler does not start, and "
            "every crash is lost.",
            "have the installer run vc_redist, put the DLLs beside it, or build the handler "
            "with /MT",
        )
    for name in other:
        yield failure(
            handler.path,
            f"{name} is not beside it, nor is it part of Windows",
            "Every crash is lost: the handler does not start.",
            f"copy {name} to {folder}{'/' if str(folder) != '.' else ''}",
        )


def _is_of_windows(name: str) -> bool:
    own = name in WINDOWS_OWN or name == PRINTING
    return own or name.startswith(("api-ms-win-", "ext-ms-win-"))


def _check_dylibs(handler: Subject) -> Iterator[CheckResult]:
    folder = Path(handler.path).parent
    for name in read_libraries(map_file(handler.path)):
        if name.startswith(("/usr/lib/", "/System/")):
            continue
        relative = name.removeprefix("@executable_path/").removeprefix("@loader_path/")
        if relative != name and not (folder / relative).exists():
            yield failure(
                handler.path,
                f"{name} is not there",
                "Every crash is lost: the handler does not start.",
                f"copy {Path(relative).name} there, or link it statically",
            )
        elif name.startswith("/"):
            yield warning(
                handler.path,
                f"it is linked with {name}, which is not part of macOS",
                "On a Mac without it the handler does not start, and every crash is lost.",
                "ship the library in the bundle, and point to it: install_name_tool -change",
            )


def check_libcurl(handler: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The libcurl that a handler for Linux loads at its first upload is there, and has https."""
    (first, *_) = examination.recall(read_objects, handler.path)
    markers = markers_of(handler, examination)
    if first.kind != ELF or not markers.is_handler:
        return
    if map_file(handler.path).find(LIBCURL_TEXT) < 0:
        return
    if reason := _find_other_system(handler, examination):
        yield skip(handler.path, reason)
        return
    dynamic = examination.recall(read_elf_dynamic, handler.path)
    path = _find_libcurl(dynamic, examination)
    if path is None and not set(LIBCURLS).isdisjoint(dynamic.needed):
        yield skip("", f"{handler.path} is linked with it: see handler.libraries")
    elif path is None:
        yield failure(
            handler.path,
            "the handler loads libcurl when it uploads, and there is none",
            "Reports are written and never sent: the first try fails for good.",
            how_to_install("libcurl.so.4"),
        )
    elif examination.options.root is None and "https" not in examination.recall(
        ask_protocols, path
    ):
        yield failure(
            handler.path,
            f"{path} knows no https",
            "Every upload to an https URL fails: Unsupported protocol.",
            "install a libcurl built with TLS: " + how_to_install("libcurl.so.4"),
        )


def _find_libcurl(dynamic: Dynamic, examination: Examination) -> str | None:
    linker = Linker(examination.options.root, dynamic.machine, is_wide=dynamic.is_wide)
    return next((path for name in LIBCURLS if (path := linker.find(name))), None)


def ask_protocols(path: str) -> frozenset[str]:
    """The protocols of a libcurl, by its curl_version_info: asked in a process of its own.

    OSError when it cannot be loaded there.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", ASK_CURL, path],
            capture_output=True,
            text=True,
            timeout=CURL_SECONDS,
            check=False,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise OSError(None, "it does not answer", path) from None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise OSError(None, last or "it cannot be loaded", path)
    return frozenset(done.stdout.split())
