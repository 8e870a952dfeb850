"""Projects that use Crashpad, as folders: its distributions, and what builds against them."""

from tests.synth.coff import crashpad_library
from tests.synth.msbuild import build_project

CLIENT = "client/crashpad_client.h"
FILE_PATH, BUILD_CONFIG = "base/files/file_path.h", "build/build_config.h"
BUILDFLAGS = "build/chromeos_buildflags.h"
SCOPED_SPIN_GUARD = "util/synchronization/scoped_spin_guard.h"
RUNTIME_NAMES = {
    "MT": "MultiThreaded",
    "MTd": "MultiThreadedDebug",
    "MD": "MultiThreadedDLL",
    "MDd": "MultiThreadedDebugDLL",
}
SOURCE = """#include "client/crashpad_client.h"
bool Start(const base::FilePath& handler, const base::FilePath& db) {
  static auto* client = new crashpad::CrashpadClient();
  auto database = crashpad::CrashReportDatabase::Initialize(db);
  if (!database) return false;
  database->GetSettings()->SetUploadsEnabled(true);
  crashpad::CrashpadInfo::GetCrashpadInfo()->set_gather_indirectly_referenced_memory(
      crashpad::TriState::kEnabled, 1 << 20);
  return client->StartHandler(handler, db, db, kUrl, {}, {}, true, false);
}
"""


def write(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_headers(root, base_root=None, *, cxx17=False, asks=False, generated=None):
    """Crashpad's headers, and mini_chromium's in `base_root` (default: the same folder)."""
    base_root = base_root or root
    write(root / CLIENT, "#pragma once\nbool StartHandlerDeclared();\n")
    write(base_root / FILE_PATH, "#pragma once\n")
    include = f'#include "{BUILDFLAGS}"\n' if asks else ""
    write(base_root / BUILD_CONFIG, f"#pragma once\n{include}")
    if cxx17:
        write(root / SCOPED_SPIN_GUARD)
    if generated:
        write(generated / BUILDFLAGS, "#pragma once\n")


def backtrace_zip(root):
    """Backtrace's zip of 2018 to 2021: lib_mt and lib_md with three libraries."""
    write_headers(root / "include", root / "include" / "mini_chromium")
    for folder, runtime in (("lib_mt", "MT"), ("lib_md", "MD")):
        for name in ("client", "util", "base"):
            write(root / folder / f"{name}.lib", crashpad_library(runtime))
    return root


def backtrace_cmake(root, **libraries):
    """Backtrace's fork built by CMake: one library for each configuration."""
    write_headers(root, root / "third_party/mini_chromium/mini_chromium", cxx17=True)
    for name, runtime in (libraries or {"Debug": "MDd", "Release": "MD"}).items():
        write(root / "cbuild" / "client" / name / "client.lib", crashpad_library(runtime))
    return root


def upstream_gn(root, runtime="MT", *, out="Release", generated=True):
    """Chromium's, built by GN in 2022: four libraries, and a header that GN makes."""
    gen = root / "out" / out / "gen"
    write_headers(
        root,
        root / "third_party/mini_chromium/mini_chromium",
        asks=True,
        generated=gen if generated else None,
    )
    obj = root / "out" / out / "obj"
    for path in (
        "client/client",
        "client/common",
        "util/util",
        "third_party/mini_chromium/mini_chromium/base/base",
    ):
        write(obj / f"{path}.lib", crashpad_library(runtime))
    write(root / "out" / out / "args.gn", "is_debug = false\n")
    return root


def vcpkg(root, runtime="MD", debug_runtime="MDd"):
    """A triplet's folder of vcpkg."""
    include = root / "include" / "crashpad"
    write_headers(include, asks=True, generated=include)
    for folder, one in (("lib", runtime), ("debug/lib", debug_runtime)):
        for name in ("client", "common", "crashpad_util", "base"):
            write(root / folder / f"{name}.lib", crashpad_library(one))
        write(root / folder / "zlib.lib", crashpad_library(one))
    write(root / "share" / "crashpad" / "crashpadConfig.cmake")
    return root


def sentry(root, runtime="MD"):
    """Installed by sentry-native."""
    include = root / "include" / "crashpad"
    write_headers(include, include / "mini_chromium", cxx17=True)
    for name in ("crashpad_client", "crashpad_util", "crashpad_compat", "mini_chromium"):
        write(root / "lib" / f"{name}.lib", crashpad_library(runtime))
    return root


def settings(root, includes, libraries, directories, *, runtime="MD", **more):
    """ClCompile and Link of one configuration."""
    compiler = {
        "AdditionalIncludeDirectories": ";".join(
            [*(rf"{root}\{name}" for name in includes), "%(AdditionalIncludeDirectories)"]
        ),
        "PreprocessorDefinitions": "NDEBUG;NOMINMAX;_CONSOLE;%(PreprocessorDefinitions)",
        "RuntimeLibrary": RUNTIME_NAMES[runtime],
        "LanguageStandard": "stdcpp17",
        "DebugInformationFormat": "ProgramDatabase",
    }
    linker = {
        "AdditionalDependencies": ";".join([*libraries, "%(AdditionalDependencies)"]),
        "AdditionalLibraryDirectories": ";".join(
            [*(rf"{root}\{name}" for name in directories), "%(AdditionalLibraryDirectories)"]
        ),
        "GenerateDebugInformation": "true",
        "OptimizeReferences": "true",
        "EnableCOMDATFolding": "true",
    }
    for name, value in more.items():
        place = linker if name in linker else compiler
        if value is None:
            place.pop(name)
        else:
            place[name] = value
    return {"ClCompile": compiler, "Link": linker}


def zip_settings(root="..\\crashpad", *, runtime="MD", folder="lib_md", **more):
    """For Backtrace's zip."""
    return settings(
        root,
        ("include", r"include\mini_chromium"),
        ("client.lib", "util.lib", "base.lib"),
        (folder,),
        runtime=runtime,
        **more,
    )


def write_game(folder, configurations, **options):
    """A project with one source that starts the handler."""
    write(folder / "main.cpp", SOURCE)
    return write(folder / "game.vcxproj", build_project(configurations, **options))
