"""Whose a module is: the user's own, the operating system's, or one that has a public server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.foreign_paths import base_name
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.model.module import Module

# Paths in lower case, with slashes. Patterns of `re` would cost each `inspect` two milliseconds.
ROOTS = ("/", "/usr/")
LIBRARY_FOLDERS = ("lib", "lib32", "lib64", "libx32")
APPLE_PLACES = ("/system/", "/usr/lib/")
ANDROID_PLACES = ("/system/", "/vendor/", "/apex/", "/product/")
SYSTEM_PLACES = (
    *(f"{root}{folder}/" for root in ROOTS for folder in LIBRARY_FOLDERS),
    "/usr/libexec/",
    *ANDROID_PLACES,
)
KERNEL_PAGES = ("linux-vdso", "linux-gate", "[vdso]")
# Crashpad tells libraries of Linux by their own names, without a path.
C_LIBRARIES = frozenset(
    ("libc", "libm", "libdl", "librt", "libpthread", "libresolv", "libgcc_s", "libstdc++")
)
LOADERS = ("ld-linux", "ld-musl")
BINARY_SUFFIXES = (".pdb", ".exe", ".dll")
# What Microsoft's compilers and frameworks bring into programs' own folders: names, and families
# of them that go on with a number.
MICROSOFT_NAMES = frozenset(
    (
        "ucrtbase",
        "coreclr",
        "clrjit",
        "hostfxr",
        "hostpolicy",
        "mscordaccore",
        "dbghelp",
        "msedge",
        "msedgewebview2",
        "embeddedbrowserwebview",
    )
)
MICROSOFT_FAMILIES = (
    "vcruntime",
    "msvcp",
    "msvcr",
    "mfc",
    "concrt",
    "vccorlib",
    "vcomp",
    "d3dcompiler_",
)
MOZILLA_NAMES = frozenset(
    (
        "xul",
        "mozglue",
        "nss3",
        "firefox",
        "thunderbird",
        "freebl3",
        "softokn3",
        "lgpllibs",
        "mozavcodec",
        "mozavutil",
        "gkcodecs",
        "libxul.so",
        "libmozsqlite3.so",
        "libmozgtk.so",
        "libmozavcodec.so",
        "libmozglue.dylib",
    )
)
MOZILLA_PLACES = (
    "/mozilla firefox/",
    "/mozilla thunderbird/",
    "/firefox.app/",
    "/thunderbird.app/",
)
ELECTRON_NAMES = frozenset(("electron", "electron framework"))
CHROMIUM_NAMES = frozenset(
    (
        "chrome",
        "chrome_child",
        "chrome_elf",
        "chrome_proxy",
        "chrome_wer",
        "google chrome framework",
    )
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
    path = _plain(path)
    name, _, version = path.partition(".so")
    if path.startswith((*SYSTEM_PLACES, *KERNEL_PAGES)) or _is_of_windows(path):
        return True
    is_library = ".so" in path and not version.strip(".0123456789")
    return is_library and (name in C_LIBRARIES or name.startswith(LOADERS))


def find_owner(module: Module, *, is_here: bool = False) -> Owner | None:
    """Who made a module; None when it is taken for the user's own.

    `is_here`: its very file is among this machine's own, so it is of this distribution.
    """
    path = _plain(module.code_file or module.name)
    names = {_stem(name) for name in (module.debug_file or "", path)} - {""}
    if names & ELECTRON_NAMES:
        return ELECTRON
    is_windows = any(
        name.lower().endswith(BINARY_SUFFIXES) for name in (module.debug_file or "", path)
    )
    if names & CHROMIUM_NAMES and (is_windows or "google chrome framework" in names):
        return CHROMIUM
    is_packaged = path.startswith("/usr/")  # a distribution builds its own Firefox
    if any(folder in path for folder in MOZILLA_PLACES) or (
        names & MOZILLA_NAMES and not is_packaged
    ):
        return MOZILLA
    if _is_of_windows(path) or (is_windows and any(map(_is_microsoft, names))):
        return MICROSOFT
    if is_here or is_system(path):
        return _find_maker_of_system(module, path, is_here=is_here)
    return None


def _plain(path: str) -> str:
    return path.replace("\\", "/").lower()


def _stem(path: str) -> str:
    """A file's name without what images and PDBs append: electron.exe.pdb is electron."""
    name = base_name(path).lower()
    for suffix in BINARY_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _is_of_windows(path: str) -> bool:
    return path[1:].startswith(":/windows/") or path.startswith("/systemroot/")


def _is_microsoft(name: str) -> bool:
    if name in MICROSOFT_NAMES:
        return True
    family = next((own for own in MICROSOFT_FAMILIES if name.startswith(own)), None)
    return family is not None and name[len(family) : len(family) + 1].isdigit()


def _find_maker_of_system(module: Module, path: str, *, is_here: bool) -> Owner:
    if path.startswith(KERNEL_PAGES):
        return KERNEL
    code_id = (module.code_id or "").lower()
    if path.startswith(APPLE_PLACES) and module.debug_id and code_id == module.debug_id.uuid.hex():
        return APPLE
    if path.startswith(ANDROID_PLACES):
        return ANDROID
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
        for name_part, owner in DISTRIBUTIONS.items():
            if name.lower().partition("-")[0] == name_part:
                return owner
    return ANY_DISTRIBUTION
