"""What a program must be linked with besides Crashpad's own libraries, and what goes wrong without.

Sources: BUILD.gn and CMakeLists.txt of the forks; what was seen when programs were linked without.
"""

from __future__ import annotations

WINDOWS_LIBRARIES = ("advapi32", "rpcrt4", "user32", "version", "winhttp")
"""Import libraries that client, util and base need; a Visual C++ project links advapi32 and user32
by itself."""

MACOS_FRAMEWORKS = ("ApplicationServices", "CoreFoundation", "Foundation", "IOKit", "Security")
MACOS_LIBRARIES = ("bsm",)
MAX_PATH = 259  # UTF-16 units of a path on Windows, without \\?\; Crashpad prepends none

NOTE_SYMBOL = "CRASHPAD_NOTE_REFERENCE"
THREAD_SYMBOL = "pthread_create"


COMPILER_RUNTIMES = {
    "MT": "MultiThreaded",
    "MTd": "MultiThreadedDebug",
    "MD": "MultiThreadedDLL",
    "MDd": "MultiThreadedDebugDLL",
}
"""MSVC's option, and its value in MSBuild's RuntimeLibrary and CMake's MSVC_RUNTIME_LIBRARY."""
