"""What a program must be linked with besides Crashpad's own libraries, and what goes wrong without.

Sources: BUILD.gn and CMakeLists.txt of the forks; what was seen when programs were linked without.
"""

from crashtool.formats.named_tuple import NamedTuple

WINDOWS_LIBRARIES = ("advapi32", "rpcrt4", "user32", "version", "winhttp")
"""Import libraries that client, util and base need; a Visual C++ project links advapi32 and user32
by itself."""

MACOS_FRAMEWORKS = ("ApplicationServices", "CoreFoundation", "Foundation", "IOKit", "Security")
MACOS_LIBRARIES = ("bsm",)
LINUX_LIBRARIES = ("pthread", "dl")  # part of libc since glibc 2.34
MAX_PATH = 259  # UTF-16 units of a path on Windows, without \\?\; Crashpad prepends none

NOTE_SYMBOL = "CRASHPAD_NOTE_REFERENCE"
THREAD_SYMBOL = "pthread_create"


class LinkOption(NamedTuple):
    """An option of GNU ld and lld for programs, and what follows when it is left out."""

    option: str
    consequence: str
    fits_static: bool = True


LINUX_OPTIONS = (
    LinkOption(
        f"-u,{NOTE_SYMBOL}",
        "annotations that the program sets (StringAnnotation, SimpleStringDictionary) never reach "
        "a report: GCC drops the only reference to the ELF note that the handler finds them by",
    ),
    LinkOption(
        "-z,noexecstack",
        "the program gets an executable stack: two of Crashpad's assembler files do not say that "
        "they need none",
    ),
    LinkOption(
        f"-u,{THREAD_SYMBOL}",
        "a stack overflow in any thread but the first is not reported; a program linked with "
        "-static must not have it, it would not start",
        fits_static=False,
    ),
)
"""For ld, after `-Wl,`; each stands before Crashpad's libraries."""

COMPILER_RUNTIMES = {
    "MT": "MultiThreaded",
    "MTd": "MultiThreadedDebug",
    "MD": "MultiThreadedDLL",
    "MDd": "MultiThreadedDebugDLL",
}
"""MSVC's option, and its value in MSBuild's RuntimeLibrary and CMake's MSVC_RUNTIME_LIBRARY."""
