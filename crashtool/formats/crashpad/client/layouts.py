r"""Where the parts of Crashpad are in what people download or build: folders, libraries, handler.

Paths are relative to the folder that is unpacked, built or installed, with `/`. In them `{config}`
is CMake's configuration on Windows (Debug, Release), nothing elsewhere; `{crt}` is mt or md;
`{arch}` is vcpkg's x64, x86 or arm64. A library `client` is the file client.lib on Windows and
libclient.a elsewhere. Sources: BUILD.gn and CMakeLists.txt of the forks, vcpkg's ports/crashpad,
the guide that came with Backtrace's zips, .github/scripts/save_artifacts.rb of Backtrace's fork.
"""

from crashtool.formats.named_tuple import NamedTuple

MINI_CHROMIUM = "third_party/mini_chromium/mini_chromium"
WINDOWS, MACOS, LINUX = "windows", "macos", "linux"
PLATFORMS = (WINDOWS, MACOS, LINUX)


class Library(NamedTuple):
    """A static library: its name without prefix and suffix, and the folder it is in.

    `platforms` that have it; `other_names` it has had, newest first.
    """

    name: str
    folder: str
    platforms: tuple[str, ...] = PLATFORMS
    other_names: tuple[str, ...] = ()

    def file_name(self, platform: str) -> str:
        """The file's name, such as client.lib or libclient.a."""
        return f"{self.name}.lib" if platform == WINDOWS else f"lib{self.name}.a"


class Layout(NamedTuple):
    """One way to have Crashpad on disk.

    `libraries` in link order, for ld; other linkers do not mind. `include_dirs` with
    `generated_dirs`, which only clients with a `buildflag_prefix` need. `handler`: its file for
    each platform, without .exe on Windows; it is shipped as crashpad_handler. `debug_folder`: put
    before a library's folder for the debug libraries, where they have a folder of their own.
    `runtimes`: MSVC's of the libraries, as the layout tells them. `cmake`: package, and the target
    to link, where one is installed. `marks`: files of which every copy has at least one.
    """

    name: str
    forks: tuple[str, ...]
    meaning: str
    include_dirs: tuple[str, ...]
    libraries: tuple[Library, ...]
    handler: dict[str, str]
    marks: tuple[str, ...]
    generated_dirs: tuple[str, ...] = ()
    debug_folder: str = ""
    runtimes: str = ""
    cmake: tuple[str, str] | None = None
    platforms: tuple[str, ...] = PLATFORMS


def _handlers(windows: str, posix: str) -> dict[str, str]:
    return {WINDOWS: windows, MACOS: posix, LINUX: posix}


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "backtrace-zip",
            ("backtrace-2018",),
            "Backtrace's zip of 2018 to 2021 for Windows",
            include_dirs=("include", "include/mini_chromium"),
            libraries=tuple(
                Library(name, "lib_{crt}", (WINDOWS,)) for name in ("client", "util", "base")
            ),
            handler={WINDOWS: "bin/crashpad_handler"},
            marks=("lib_mt/client.lib", "lib_md/client.lib"),
            runtimes="lib_mt has /MT, lib_md /MD; those of /MTd and /MDd are in a zip of their own",
            platforms=(WINDOWS,),
        ),
        Layout(
            "cmake",
            ("backtrace",),
            "built with Backtrace's CMake files",
            include_dirs=(".", MINI_CHROMIUM),
            libraries=(Library("client", "cbuild/client/{config}"),),
            handler=_handlers("cbuild/handler/{config}/handler", "cbuild/handler/handler"),
            marks=("cbuild/CMakeCache.txt",),
            runtimes="/MDd in Debug, /MD in other configurations; /MTd and /MT when built with "
            "-DCMAKE_MSVC_RUNTIME_LIBRARY=MultiThreaded$<$<CONFIG:Debug>:Debug>",
        ),
        Layout(
            "artifacts",
            ("backtrace",),
            "the zips of Backtrace's GitHub Actions",
            include_dirs=("include",),
            libraries=(Library("client", "bin"),),
            handler=_handlers("bin/handler", "bin/handler"),
            marks=("bin/client.lib", "bin/libclient.a"),
            runtimes="/MDd or /MD, which nothing tells but the library itself",
        ),
        Layout(
            "gn",
            ("upstream", "backtrace-2018"),
            "built with GN and ninja, as Chromium has it",
            include_dirs=(".", MINI_CHROMIUM),
            generated_dirs=("out/{config}/gen",),
            libraries=(
                Library("client", "out/{config}/obj/client"),
                Library("common", "out/{config}/obj/client"),
                Library("util", "out/{config}/obj/util"),
                Library("mig_output", "out/{config}/obj/util", (MACOS,)),
                Library("base", f"out/{{config}}/obj/{MINI_CHROMIUM}/base"),
            ),
            handler=_handlers("out/{config}/crashpad_handler", "out/{config}/crashpad_handler"),
            marks=("out/Default/args.gn", "out/Release/args.gn", "out/Debug/args.gn"),
            runtimes='/MT in debug and in release; /MD when built with extra_cflags="/MD"',
        ),
        Layout(
            "vcpkg",
            ("upstream",),
            "vcpkg's port crashpad",
            include_dirs=("include/crashpad",),
            libraries=(
                Library("client", "lib", other_names=("crashpad_client",)),
                Library("common", "lib", other_names=("crashpad_client_common",)),
                Library("crashpad_util", "lib", other_names=("util",)),
                Library("mig_output", "lib", (MACOS,)),
                Library("base", "lib", other_names=("vcpkg_crashpad_base",)),
                Library("zlib", "lib", (WINDOWS,), ("z", "zs")),
                Library("z", "lib", (MACOS, LINUX)),
            ),
            handler=_handlers("tools/crashpad_handler", "tools/crashpad_handler"),
            marks=("share/crashpad/crashpadConfig.cmake",),
            debug_folder="debug",
            runtimes="the triplet: x64-windows has /MD, x64-windows-static /MT, "
            "x64-windows-static-md /MD",
            cmake=("crashpad", "crashpad::crashpad"),
        ),
        Layout(
            "sentry",
            ("sentry",),
            "installed with sentry-native",
            include_dirs=("include/crashpad", "include/crashpad/mini_chromium"),
            libraries=tuple(
                Library(name, "lib")
                for name in (
                    "crashpad_client", "crashpad_util", "crashpad_compat", "mini_chromium",
                )
            ),
            handler=_handlers("bin/crashpad_handler", "bin/crashpad_handler"),
            marks=("lib/cmake/crashpad/crashpad-config.cmake",),
            runtimes="/MDd in Debug, /MD in other configurations, unless sentry-native was built "
            "with -DSENTRY_BUILD_RUNTIMESTATIC=ON",
            cmake=("crashpad", "crashpad::client"),
        ),
    )
}  # fmt: skip


def find_layouts(fork: str, platform: str) -> list[Layout]:
    """The layouts in which a fork comes for a platform, the usual one first."""
    return [
        layout
        for layout in LAYOUTS.values()
        if fork in layout.forks and platform in layout.platforms
    ]
