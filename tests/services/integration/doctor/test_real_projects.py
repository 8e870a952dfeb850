"""Projects as they are found: each distribution of Crashpad, each build system, each habit.

None of them is at fault, so doctor may warn and skip, but fail nothing.
"""

import pytest

from tests.conftest import SHARED
from tests.services.integration.doctor import projects
from tests.services.integration.doctor.folders import (
    MACHO_ARM64,
    examine,
    failures,
    handler_texts,
    macho_program,
    pe_program,
    write_program,
)
from tests.services.integration.doctor.projects import (
    SOURCE,
    settings,
    write,
    write_game,
    write_headers,
    zip_settings,
)
from tests.synth.archives import build_ar
from tests.synth.coff import crashpad_library
from tests.synth.database import GenericDatabase, MacDatabase, WindowsDatabase
from tests.synth.msbuild import build_project, build_sheet

RELEASE, DEBUG = "Release|x64", "Debug|x64"
CORPUS = SHARED / "corpus"
DATABASES = SHARED / "truth" / "windows-databases"
THREE = ("client.lib", "util.lib", "base.lib")
MINI = r"third_party\mini_chromium\mini_chromium"
CPP17 = {"LanguageStandard": "stdcpp17"}


def zip_md(root):
    projects.backtrace_zip(root / "crashpad")
    write_game(root / "game", {RELEASE: zip_settings(LanguageStandard=None)}, toolset="v141")


def zip_mt_with_debug_of_its_own(root):
    projects.backtrace_zip(root / "crashpad")
    for name in THREE:
        write(root / "crashpad-debug" / "lib_mt" / name, crashpad_library("MTd"))
    debug = zip_settings(runtime="MTd", folder=r"..\crashpad-debug\lib_mt")
    write_game(root / "game", {RELEASE: zip_settings(runtime="MT", folder="lib_mt"), DEBUG: debug})


def directories_page(root):
    """As the guide says it: VC++ Directories, not the compiler's and the linker's own lists."""
    projects.backtrace_zip(root / "game" / "crashpad")
    one = zip_settings(AdditionalIncludeDirectories=None, AdditionalLibraryDirectories=None)
    page = (
        r"<PropertyGroup><IncludePath>$(ProjectDir)crashpad\include;"
        r"$(ProjectDir)crashpad\include\mini_chromium;$(IncludePath)</IncludePath>"
        r"<LibraryPath>$(ProjectDir)crashpad\lib_md;$(LibraryPath)</LibraryPath></PropertyGroup>"
    )
    write_game(root / "game", {RELEASE: one}, groups=page)


def property_sheet_of_a_solution(root):
    projects.backtrace_zip(root / "ThirdParty" / "Crashpad")
    write(root / "Game.sln", "Microsoft Visual Studio Solution File\n")
    sheet = (
        r"<PropertyGroup Label='UserMacros'><CrashpadRoot>$(SolutionDir)thirdparty\crashpad"
        r"</CrashpadRoot></PropertyGroup><ItemDefinitionGroup><ClCompile>"
        r"<AdditionalIncludeDirectories>$(CrashpadRoot)\include;"
        r"$(CrashpadRoot)\include\mini_chromium;%(AdditionalIncludeDirectories)"
        r"</AdditionalIncludeDirectories></ClCompile><Link><AdditionalLibraryDirectories>"
        r"$(CrashpadRoot)\lib_md;%(AdditionalLibraryDirectories)</AdditionalLibraryDirectories>"
        "<AdditionalDependencies>client.lib;util.lib;base.lib;%(AdditionalDependencies)"
        "</AdditionalDependencies></Link></ItemDefinitionGroup>"
    )
    write(root / "props" / "Crashpad.props", build_sheet(sheet))
    one = {
        "ClCompile": {"RuntimeLibrary": "MultiThreadedDLL"},
        "Link": {"GenerateDebugInformation": "DebugFull"},
    }
    write_game(root / "game", {RELEASE: one}, sheets=(r"..\props\crashpad.props",))


def backtrace_built_by_cmake(root):
    projects.backtrace_cmake(root / "crashpad")
    configurations = {
        name: settings(
            r"$(ProjectDir)..\crashpad",
            (".", MINI),
            ("client.lib",),
            (r"cbuild\client\$(Configuration)",),
            runtime=runtime,
        )
        for name, runtime in ((RELEASE, "MD"), (DEBUG, "MDd"))
    }
    write_game(root / "game", configurations)


def backtrace_artifacts(root):
    write_headers(root / "crashpad" / "include", cxx17=True)
    write(root / "crashpad" / "bin" / "client.lib", crashpad_library("MD"))
    one = settings("..\\crashpad", ("include",), ("client.lib",), ("bin",))
    write_game(root / "game", {RELEASE: one})


GN_DIRS = (r"out\Release\obj\client", r"out\Release\obj\util", rf"out\Release\obj\{MINI}\base")


def chromiums_of_2022(root):
    projects.upstream_gn(root / "crashpad")
    libraries = ("client.lib", "common.lib", "util.lib", "base.lib")
    one = settings(
        "..\\crashpad", (".", MINI, r"out\Release\gen"), libraries, GN_DIRS, runtime="MT"
    )
    write_game(root / "game", {RELEASE: one})


def chromiums_of_2019(root):
    """No library common, no header that GN makes."""
    crashpad = root / "crashpad"
    write_headers(crashpad, crashpad / "third_party/mini_chromium/mini_chromium")
    for path in ("client/client", "util/util", "third_party/mini_chromium/mini_chromium/base/base"):
        write(crashpad / "out/Release/obj" / f"{path}.lib", crashpad_library("MT"))
    one = settings("..\\crashpad", (".", MINI), THREE, GN_DIRS, runtime="MT")
    write_game(root / "game", {RELEASE: one})


def vcpkg_integrated(root):
    """Nothing is in the project: `vcpkg integrate install` adds folders and libraries."""
    projects.vcpkg(root / "vcpkg_installed" / "x64-windows")
    write(root / "vcpkg.json", '{"dependencies": ["crashpad"]}')
    one = {"ClCompile": {"RuntimeLibrary": "MultiThreadedDLL"}, "Link": {}}
    write_game(root, {RELEASE: one})


def vcpkg_static(root):
    projects.vcpkg(root / "installed" / "x64-windows-static", "MT", "MTd")
    names = ("client.lib", "common.lib", "crashpad_util.lib", "base.lib", "zlib.lib")
    configurations = {
        name: settings(
            r"..\installed\x64-windows-static",
            (r"include\crashpad",),
            names,
            (folder,),
            runtime=runtime,
        )
        for name, runtime, folder in ((RELEASE, "MT", "lib"), (DEBUG, "MTd", r"debug\lib"))
    }
    write_game(root / "game", configurations)


def vcpkg_with_renamed_libraries(root):
    triplet = root / "installed" / "x64-windows"
    include = triplet / "include" / "crashpad"
    write_headers(include, generated=include, asks=True)
    names = ("crashpad_client", "crashpad_client_common", "crashpad_util", "vcpkg_crashpad_base")
    for name in names:
        write(triplet / "lib" / f"{name}.lib", crashpad_library("MD"))
    one = settings(
        r"..\installed\x64-windows",
        (r"include\crashpad",),
        [f"{name}.lib" for name in names],
        ("lib",),
    )
    write_game(root / "game", {RELEASE: one})


def conan(root):
    """Its sheets name a cache in the user's folder, on the machine that made them."""
    sheet = (
        r"<PropertyGroup><ConanCrashpadRoot>$(UserProfile)\.conan2\p\crash1\p</ConanCrashpadRoot>"
        "</PropertyGroup><ItemDefinitionGroup><ClCompile><AdditionalIncludeDirectories>"
        r"$(ConanCrashpadRoot)\include\crashpad;%(AdditionalIncludeDirectories)"
        "</AdditionalIncludeDirectories></ClCompile><Link><AdditionalDependencies>"
        "crashpad_client.lib;crashpad_util.lib;crashpad_compat.lib;mini_chromium.lib;"
        "%(AdditionalDependencies)</AdditionalDependencies></Link></ItemDefinitionGroup>"
    )
    write(root / "conan_crashpad_release_x64.props", build_sheet(sheet))
    write(
        root / "conandeps.props",
        build_sheet('<Import Project="conan_crashpad_release_x64.props"/>'),
    )
    write(root / "conanfile.txt", "[requires]\nsentry-crashpad/0.6.5\n")
    one = zip_settings(
        AdditionalIncludeDirectories="%(AdditionalIncludeDirectories)",
        AdditionalDependencies="%(AdditionalDependencies)",
    )
    write_game(root, {RELEASE: one}, sheets=("conandeps.props",))


def everything_in_directory_build_props(root):
    projects.backtrace_zip(root / "crashpad")
    write(root / "Game.sln", "")
    tools = zip_settings(r"$(MSBuildThisFileDirectory)crashpad")
    body = "".join(
        f"<{tool}>"
        + "".join(f"<{name}>{text}</{name}>" for name, text in values.items())
        + f"</{tool}>"
        for tool, values in tools.items()
    )
    write(
        root / "Directory.Build.props",
        build_sheet(f"<ItemDefinitionGroup>{body}</ItemDefinitionGroup>"),
    )
    write_game(root / "src" / "game", {RELEASE: {"ClCompile": {}, "Link": {}}})


def environment_variables(root):
    one = zip_settings("$(CRASHPAD_ROOT)", runtime="MT", LanguageStandard=None)
    write_game(root, {RELEASE: one})


def static_library_of_many_projects(root):
    """A library that compiles against Crashpad, a program that links both, ten others."""
    projects.backtrace_zip(root / "crashpad")
    library = build_project({RELEASE: {"ClCompile": zip_settings()["ClCompile"]}}).replace(
        ">Application<", ">StaticLibrary<"
    )
    write(root / "reporting" / "reporting.vcxproj", library)
    write(root / "reporting" / "main.cpp", SOURCE)
    write(root / "game" / "game.vcxproj", build_project({RELEASE: zip_settings()}, sources=()))
    plain = {"ClCompile": {"RuntimeLibrary": "MultiThreaded"}, "Link": {}}
    for number in range(10):
        write(root / f"tool{number}" / "tool.vcxproj", build_project({RELEASE: plain}))


def arm64ec(root):
    projects.backtrace_cmake(root / "crashpad", Release="MD")
    one = settings("..\\crashpad", (".", MINI), ("client.lib",), (r"cbuild\client\Release",))
    write_game(root / "game", {"Release|ARM64EC": one})


def utf_16(root):
    projects.backtrace_zip(root / "crashpad")
    path = write_game(root / "game", {RELEASE: zip_settings()})
    path.write_bytes(path.read_text("utf-8").replace("utf-8", "utf-16").encode("utf-16"))


def sentry_by_cmake_and_ninja(root):
    projects.sentry(root / "install")
    _write_ninja(
        root / "build",
        compile_words=r"-I..\install\include\crashpad -I..\install\include\crashpad\mini_chromium "
        "-MD -std:c++17 -DNOMINMAX",
        link_words=r"..\install\lib\crashpad_client.lib ..\install\lib\crashpad_util.lib "
        r"..\install\lib\crashpad_compat.lib ..\install\lib\mini_chromium.lib winhttp.lib",
        compiler="C:/VS/bin/Hostx64/x64/cl.exe",
        suffix="obj",
    )


def mingw(root):
    _write_ninja(
        root / "build",
        compile_words=r"-I../include -std=gnu++17 -g",
        link_words="-Wl,--subsystem,windows libclient.a -lwinhttp -lversion",
        compiler="C:/mingw/bin/c++.exe",
        suffix="obj",
    )


def linux_imported_target(root):
    _write_archive(root / "crashpad" / "client" / "libclient.a")
    write_headers(root / "crashpad", root / "crashpad" / "mini", cxx17=True)
    _write_makefiles(
        root / "build",
        "-isystem ../crashpad -isystem ../crashpad/mini -std=gnu++17 -g",
        "-Wl,-z,noexecstack -Wl,--undefined=CRASHPAD_NOTE_REFERENCE ../crashpad/client/libclient.a",
    )


def linux_subdirectory(root):
    """add_subdirectory: Crashpad's own targets stand in the same build folder."""
    _write_archive(root / "build" / "crashpad" / "client" / "libclient.a")
    write_headers(root / "crashpad", root / "crashpad" / "mini", cxx17=True)
    _write_makefiles(
        root / "build",
        "-I../crashpad -I../crashpad/mini -g",
        "crashpad/client/libclient.a /usr/lib/x86_64-linux-gnu/libcurl.so -ldl",
    )
    _write_makefiles(root / "build", "-I../crashpad", "crashpad/client/libclient.a", name="handler")


def linux_vcpkg(root):
    triplet = root / "vcpkg_installed" / "x64-linux"
    write_headers(triplet / "include" / "crashpad")
    for name in ("client", "common", "crashpad_util", "base"):
        _write_archive(triplet / "lib" / f"lib{name}.a")
    _write_ninja(
        root / "build",
        compile_words="-isystem ../vcpkg_installed/x64-linux/include/crashpad -g",
        link_words="".join(
            f"../vcpkg_installed/x64-linux/lib/lib{name}.a "
            for name in ("client", "common", "crashpad_util", "base")
        ),
        compiler="/usr/bin/c++",
    )


def linux_conan(root):
    _write_archive(root / "p" / "lib" / "libcrashpad_client.a")
    _write_makefiles(
        root / "build",
        "-isystem ../p/include -g -std=c++17",
        "-L../p/lib -lcrashpad_client -lcrashpad_util -lmini_chromium",
    )


def linux_shared_library_of_clang(root):
    _write_archive(root / "libclient.a")
    _write_makefiles(
        root / "build",
        "-fPIC -g",
        "-shared -Wl,-z,noexecstack ../libclient.a",
        compiler="/usr/bin/clang++",
    )


def gn_on_linux(root):
    """GN makes thin archives, which hold no objects."""
    out = root / "crashpad" / "out" / "Default"
    write(out / "args.gn", "")
    write(out / "obj" / "client" / "libclient.a", b"!<thin>\n" + b"crashpad/client.o" * 4)
    projects.write_headers(root / "crashpad", root / "crashpad" / "mini", cxx17=True)


def macos_by_cmake(root):
    _write_archive(root / "libclient.a")
    write_headers(root / "crashpad")
    _write_ninja(
        root / "build",
        compile_words="-isysroot /SDK -std=gnu++17 -I../crashpad",
        link_words="-arch arm64 -Wl,-search_paths_first ../libclient.a -framework Security -lbsm",
        compiler="/usr/bin/c++",
    )


def macos_bundle(root):
    contents = root / "Game.app" / "Contents"
    write_program(contents / "MacOS" / "Game", macho_program(cpu=MACHO_ARM64))
    write_program(
        contents / "MacOS" / "crashpad_handler",
        macho_program(client=False, cpu=MACHO_ARM64) + handler_texts(),
    )
    write(contents / "Info.plist", "<plist><dict/></plist>")


def windows_installation(root):
    write_program(root / "Game.exe", pe_program("crashpad_handler.exe"))
    write_program(root / "crashpad_handler.exe", pe_program(client=False) + handler_texts())
    write(root / "Game.pdb", b"")


def crashpads_own_sources(root):
    """A checkout, with the tests that start handlers and forget about them."""
    write_headers(root, root / "third_party/mini_chromium/mini_chromium", cxx17=True, asks=True)
    for name in ("crashpad_client_win_test.cc", "crashpad_client_linux.cc"):
        write(root / "client" / name, "void T() { CrashpadClient c; c.StartHandler(h, d); }\n")


def qt_project(root):
    write(root / "app.pro", "win32: LIBS += -L$$PWD/crashpad/lib -lclient -lutil -lbase\n")
    write(root / "main.cpp", SOURCE)
    write(root / "crashpad" / "lib" / "client.lib", crashpad_library("MD"))


def a_settings_file(root):
    write(
        root / "crashtool.toml",
        f'url = "https://submit.backtrace.io/acme/{"5c267fa1" * 8}/minidump"\n'
        '[annotations]\nprod = "Game"\nver = "1.4.2"\n',
    )


def databases_of_three_systems(root):
    for make, name in ((GenericDatabase, "linux"), (MacDatabase, "mac"), (WindowsDatabase, "win")):
        make(root / name)


PROJECTS = (
    zip_md, zip_mt_with_debug_of_its_own, directories_page, property_sheet_of_a_solution,
    backtrace_built_by_cmake, backtrace_artifacts, chromiums_of_2022, chromiums_of_2019,
    vcpkg_integrated, vcpkg_static, vcpkg_with_renamed_libraries, conan,
    everything_in_directory_build_props, environment_variables, static_library_of_many_projects,
    arm64ec, utf_16, sentry_by_cmake_and_ninja, mingw, linux_imported_target, linux_subdirectory,
    linux_vcpkg, linux_conan, linux_shared_library_of_clang, gn_on_linux, macos_by_cmake,
    macos_bundle, windows_installation, crashpads_own_sources, qt_project, a_settings_file,
    databases_of_three_systems,
)  # fmt: skip
# What is looked at so closely that it must pass, not only not fail
CHECKED = {
    "zip_md": {"link.crt", "link.libraries", "link.include", "link.machine", "link.pdb"},
    "directories_page": {"link.crt", "link.libraries", "link.include"},
    "property_sheet_of_a_solution": {"link.crt", "link.libraries", "link.include"},
    "backtrace_built_by_cmake": {"link.crt", "link.standard", "link.include", "link.libraries"},
    "everything_in_directory_build_props": {"link.crt", "link.include", "link.nominmax"},
    "vcpkg_static": {"link.crt", "link.libraries"},
    "utf_16": {"link.crt"},
    "sentry_by_cmake_and_ninja": {"link.crt", "link.libraries", "link.nominmax"},
    "linux_imported_target": {"link.elf", "link.include", "link.standard"},
}


def _write_archive(path):
    """A library for ELF; what is in it is of no object format, as with -flto."""
    write(path, build_ar({"client.o/": b"BC\xc0\xde crashpad_client_linux.cc"}))


def _write_makefiles(folder, compile_words, link_words, *, name="app", compiler="/usr/bin/c++"):
    write(
        folder / "CMakeCache.txt",
        f"CMAKE_GENERATOR:INTERNAL=Unix Makefiles\nCMAKE_CXX_COMPILER:FILEPATH={compiler}\n"
        "CMAKE_BUILD_TYPE:STRING=Release\n",
    )
    target = folder / "CMakeFiles" / f"{name}.dir"
    write(target / "flags.make", f"CXX_DEFINES = \n\nCXX_FLAGS = {compile_words}\n")
    write(
        target / "link.txt", f"{compiler} CMakeFiles/{name}.dir/main.cpp.o -o {name} {link_words}\n"
    )


def _write_ninja(folder, *, compile_words, link_words, compiler, suffix="o"):
    write(
        folder / "CMakeCache.txt",
        f"CMAKE_GENERATOR:INTERNAL=Ninja\nCMAKE_CXX_COMPILER:FILEPATH={compiler}\n"
        "CMAKE_BUILD_TYPE:STRING=RelWithDebInfo\n",
    )
    target = f"CMakeFiles/app.dir/main.cpp.{suffix}"
    write(
        folder / "build.ninja",
        f"build {target}: CXX_COMPILER__app_x ../main.cpp\n  FLAGS = {compile_words}\n\n"
        f"build app: CXX_EXECUTABLE_LINKER__app_x {target}\n  FLAGS = -O2\n"
        f"  LINK_LIBRARIES = {link_words}\n  TARGET_FILE = app\n",
    )


@pytest.mark.parametrize("make", PROJECTS, ids=lambda make: make.__name__)
def test_a_project_without_a_fault_has_no_failure(tmp_path, make):
    make(tmp_path)

    diagnosis = examine(tmp_path)

    assert [row for row in diagnosis.findings if row.verdict == "failure"] == []
    passed = {row.check for row in diagnosis.findings if row.verdict == "pass"}
    assert passed >= CHECKED.get(make.__name__, set())


def test_there_are_at_least_thirty():
    assert len(set(PROJECTS)) >= 30
    assert set(CHECKED) <= {make.__name__ for make in PROJECTS}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs corpus")
def test_other_peoples_test_material_has_no_failure():
    """No integration is among it: what doctor takes for one, it takes wrongly."""
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        assert (folder.name, failures(examine(folder))) == (folder.name, set())


@pytest.mark.skipif(not DATABASES.is_dir(), reason="needs truth/windows-databases")
def test_databases_of_the_real_handler_fail_for_their_settings_alone():
    assert failures(examine(DATABASES)) <= {"database.state"}
