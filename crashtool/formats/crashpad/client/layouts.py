r"""Where the parts of Crashpad are in what people download or build: folders, libraries, handler.

Paths are relative to the folder that is unpacked, built or installed, with `/`. In them `{out}` is
the folder of a build, `{config}` CMake's configuration on Windows (Debug, Release), where Visual
Studio gives each a folder; `{crt}` is mt or md. A library `client` is the file client.lib on
Windows and libclient.a elsewhere. Sources: BUILD.gn and CMakeLists.txt of the forks, vcpkg's
ports/crashpad, the guide that came with Backtrace's zips, the scripts of Backtrace's GitHub Actions
that pack its zips.
"""

from __future__ import annotations

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


class ClientLayout(NamedTuple):
    """One way to have Crashpad on disk.

    `libraries` in link order, for ld; other linkers do not mind. The handler alone needs zlib.
    `include_dirs` with `generated_dirs`, which only clients with a `buildflag_prefix` need.
    `handler`: its file for each platform, without .exe on Windows; it is shipped as
    crashpad_handler. `debug_folder`: put before a library's folder for the debug libraries, where
    they have a folder of their own. `out`: the usual name of the folder of a build. `runtimes`:
    MSVC's of the libraries, as the layout tells them. `cmake`: package, and the target to link,
    where one is installed. `marks`: files of which every copy has at least one.
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
    out: str = ""
    runtimes: str = ""
    cmake: tuple[str, str] | None = None
    platforms: tuple[str, ...] = PLATFORMS

    def fill(
        self, path: str, platform: str, *, out: str = "", config: str = "Release", crt: str = "md"
    ) -> str:
        """One of its paths with everything put in, for a platform."""
        filled = path.replace("{out}", out or self.out).replace("{crt}", crt)
        if platform == WINDOWS:
            return filled.replace("{config}", config)
        return filled.replace("/{config}", "")


def _handlers(windows: str, posix: str) -> dict[str, str]:
    return {WINDOWS: windows, MACOS: posix, LINUX: posix}


LAYOUTS = {
    layout.name: layout
    for layout in (
        ClientLayout(
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
        ClientLayout(
            "cmake",
            ("backtrace",),
            "built with Backtrace's CMake files",
            include_dirs=(".", MINI_CHROMIUM),
            libraries=(Library("client", "{out}/client/{config}"),),
            handler=_handlers("{out}/handler/{config}/handler", "{out}/handler/handler"),
            marks=("cbuild/CMakeCache.txt",),
            out="cbuild",
            runtimes="/MDd in Debug, /MD in other configurations; /MTd and /MT when built with "
            "-DCMAKE_MSVC_RUNTIME_LIBRARY=MultiThreaded$<$<CONFIG:Debug>:Debug>",
        ),
        ClientLayout(
            "artifacts",
            ("backtrace",),
            "the zips of Backtrace's GitHub Actions",
            include_dirs=("include",),
            libraries=(Library("client", "bin"),),
            handler=_handlers("bin/handler", "bin/handler"),
            marks=("bin/client.lib", "bin/libclient.a"),
            runtimes="/MDd or /MD, which only the library itself shows",
        ),
        ClientLayout(
            "gn",
            ("upstream", "backtrace-2018"),
            "built with GN and ninja, as Chromium has it",
            include_dirs=(".", MINI_CHROMIUM),
            generated_dirs=("{out}/gen",),
            libraries=(
                Library("client", "{out}/obj/client"),
                Library("common", "{out}/obj/client"),
                Library("util", "{out}/obj/util"),
                Library("mig_output", "{out}/obj/util", (MACOS,)),
                Library("base", f"{{out}}/obj/{MINI_CHROMIUM}/base"),
            ),
            handler=_handlers("{out}/crashpad_handler", "{out}/crashpad_handler"),
            marks=("out/Default/args.gn", "out/Release/args.gn", "out/Debug/args.gn"),
            out="out/Default",
            runtimes='/MT in debug and in release; /MD when built with extra_cflags="/MD"',
        ),
        ClientLayout(
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
            ),
            handler=_handlers("tools/crashpad/crashpad_handler", "tools/crashpad/crashpad_handler"),
            marks=("share/crashpad/crashpadConfig.cmake",),
            debug_folder="debug",
            runtimes="the triplet: x64-windows has /MD, x64-windows-static /MT, "
            "x64-windows-static-md /MD",
            cmake=("crashpad", "crashpad::crashpad"),
        ),
        ClientLayout(
            "sentry",
            ("sentry",),
            "installed with sentry-native",
            include_dirs=("include/crashpad", "include/crashpad/mini_chromium"),
            libraries=tuple(
                Library(name, "lib")
                for name in (
                    "crashpad_client",
                    "crashpad_util",
                    "crashpad_compat",
                    "mini_chromium",
                )
            ),
            handler=_handlers("bin/crashpad_handler", "bin/crashpad_handler"),
            marks=("lib/cmake/crashpad/crashpad-config.cmake",),
            runtimes="/MDd in Debug, /MD in other configurations, unless sentry-native was built "
            "with -DSENTRY_BUILD_RUNTIMESTATIC=ON",
            cmake=("crashpad", "crashpad::client"),
        ),
        ClientLayout(
            "conan",
            ("sentry",),
            "Conan's package sentry-crashpad",
            include_dirs=("include/crashpad", "include/crashpad/mini_chromium"),
            libraries=tuple(
                Library(name, "lib")
                for name in (
                    "crashpad_client",
                    "crashpad_util",
                    "crashpad_compat",
                    "mini_chromium",
                )
            ),
            handler=_handlers("bin/crashpad_handler", "bin/crashpad_handler"),
            marks=("lib/libcrashpad_client.a", "lib/crashpad_client.lib"),
            runtimes="the profile's compiler.runtime: dynamic is /MD, static /MT, in Debug /MDd "
            "and /MTd",
        ),
    )
}


def find_layouts(fork: str, platform: str) -> list[ClientLayout]:
    """The layouts in which a fork comes for a platform, the usual one first."""
    return [
        layout
        for layout in LAYOUTS.values()
        if fork in layout.forks and platform in layout.platforms
    ]
