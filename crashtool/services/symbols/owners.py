"""Whose a module is: the user's own, the operating system's, or one that has a public server."""

import re
from typing import TYPE_CHECKING, NamedTuple

from crashtool.formats.object_file.kinds import base_name

if TYPE_CHECKING:
    from crashtool.model.crash import Module

SYSTEM_PLACES = re.compile(
    r"(/usr)?/lib(32|64|x32)?/|/System/|/usr/libexec/|/(system|vendor|apex|product)/"
    r"|[A-Za-z]:\\Windows\\|\\SystemRoot\\|linux-(vdso|gate)|\[vdso\]"
    # Crashpad tells libraries of Linux by their own names, without a path
    r"|(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|libstdc\+\+|ld-linux[\w-]*|ld-musl\w*)"
    r"(\.so)(\.\d+)*$",
    re.IGNORECASE,
)
APPLE_PLACES = re.compile(r"/System/|/usr/lib/")
ANDROID_PLACES = re.compile(r"/(system|vendor|apex|product)/")
KERNEL_PAGE = re.compile(r"linux-(vdso|gate)|\[vdso\]")
WINDOWS_PLACE = re.compile(r"[A-Za-z]:\\Windows\\|\\SystemRoot\\", re.IGNORECASE)
# What Microsoft's compilers and frameworks bring into programs' own folders.
MICROSOFT_NAMES = re.compile(
    r"(vcruntime|msvcp|msvcr|mfc|concrt|vccorlib|vcomp)\d+\w*\.(\w+\.)?(dll|pdb)$"
    r"|(ucrtbase|coreclr|clrjit|hostfxr|hostpolicy|mscordaccore|d3dcompiler_\d+|dbghelp|"
    r"msedge|msedgewebview2|embeddedbrowserwebview)(\.dll|\.exe)?\.?(dll|exe|pdb)?$",
    re.IGNORECASE,
)
MOZILLA_NAMES = re.compile(
    r"(xul|mozglue|nss3|firefox|thunderbird|freebl3|softokn3|lgpllibs|mozavcodec|mozavutil|"
    r"gkcodecs|plugin-container|updater)(\.exe|\.dll)?\.pdb$|XUL$|libxul\.so$|"
    r"lib(mozsqlite3|mozgtk|mozavcodec|mozglue\w*)\.(so|dylib)$",
)
MOZILLA_PLACE = re.compile(
    r"[/\\](Mozilla Firefox|Firefox[^/\\]*\.app|Thunderbird)[/\\]", re.IGNORECASE
)
ELECTRON_NAMES = re.compile(r"electron\.exe(\.pdb)?$|Electron Framework$", re.IGNORECASE)
CHROMIUM_NAMES = re.compile(
    r"(chrome|chrome_child|chrome_elf|chrome_proxy|chrome_wer)\.(dll|exe)(\.pdb)?$"
    r"|Google Chrome Framework$",
    re.IGNORECASE,
)


class Owner(NamedTuple):
    """Who made a module that is not the user's. `server` is as --symbol-server takes it, "" when
    there is none for the public.
    """

    name: str
    server: str = ""


MICROSOFT = Owner("Microsoft", "https://msdl.microsoft.com/download/symbols")
MOZILLA = Owner("Mozilla", "https://symbols.mozilla.org")
ELECTRON = Owner("Electron", "https://symbols.electronjs.org")
CHROMIUM = Owner("Chromium", "https://chromium-browser-symsrv.commondatastorage.googleapis.com")
APPLE = Owner("Apple")
ANDROID = Owner("the device's maker")
KERNEL = Owner("the kernel")
ANY_DISTRIBUTION = Owner("the distribution", "debuginfod:https://debuginfod.elfutils.org")
DISTRIBUTIONS = {  # by the ID of /etc/os-release
    "debian": Owner("Debian", "debuginfod:https://debuginfod.debian.net"),
    "ubuntu": Owner("Ubuntu", "debuginfod:https://debuginfod.ubuntu.com"),
    "fedora": Owner("Fedora", "debuginfod:https://debuginfod.fedoraproject.org"),
    "arch": Owner("Arch Linux", "debuginfod:https://debuginfod.archlinux.org"),
    "opensuse": Owner("openSUSE", "debuginfod:https://debuginfod.opensuse.org"),
}


def is_system(path: str) -> bool:
    """Whether a module belongs to the operating system, by where it was loaded from."""
    return SYSTEM_PLACES.match(path) is not None


def find_owner(module: "Module", *, is_here: bool = False) -> Owner | None:
    """Who made a module; None when it is taken for the user's own.

    `is_here`: its very file is among this machine's own, so it is of this distribution.
    """
    path = module.code_file or module.name
    names = [base_name(name) for name in (module.debug_file, path) if name]
    if any(ELECTRON_NAMES.match(name) for name in names):
        return ELECTRON
    if any(CHROMIUM_NAMES.match(name) for name in names):
        return CHROMIUM
    if MOZILLA_PLACE.search(path) or any(MOZILLA_NAMES.match(name) for name in names):
        return MOZILLA
    if WINDOWS_PLACE.match(path) or any(MICROSOFT_NAMES.match(name) for name in names):
        return MICROSOFT
    if is_here or is_system(path):
        return _find_maker_of_system(module, path, is_here=is_here)
    return None


def _find_maker_of_system(module: "Module", path: str, *, is_here: bool) -> Owner:
    if KERNEL_PAGE.match(path):
        return KERNEL
    if ANDROID_PLACES.match(path):
        return ANDROID
    code_id = (module.code_id or "").lower()
    if APPLE_PLACES.match(path) and module.debug_id and code_id == module.debug_id.uuid.hex():
        return APPLE
    return find_distribution() if is_here else ANY_DISTRIBUTION


def find_distribution(path: str = "/etc/os-release") -> Owner:
    """The distribution of this machine, by os-release(5): its own ID, then what it is like."""
    values: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file.read(1 << 16).splitlines():
                key, _, value = line.partition("=")
                values[key.strip()] = value.strip().strip("\"'")
    except OSError:
        return ANY_DISTRIBUTION
    for name in [values.get("ID", ""), *values.get("ID_LIKE", "").split()]:
        for known, owner in DISTRIBUTIONS.items():
            if name.lower().partition("-")[0] == known:
                return owner
    return ANY_DISTRIBUTION
