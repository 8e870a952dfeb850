"""The README beside the files of an integration: what was made, and what is to be done."""

from __future__ import annotations

from crashtool.formats.crashpad.client.layouts import LINUX, MACOS, WINDOWS
from crashtool.model.integration import Integration
from crashtool.render.integration.obtain import layout_text
from crashtool.render.integration.template import fill_template

README_NAME = "README.md"
SHIP = {
    WINDOWS: """\
- Windows: the Visual C++ redistributable where Crashpad was built with /MD. Keep .pdb and .exe of
  each release, or upload both. Windows 7 and Server 2012 need `crashtool scaffold reg`.""",
    MACOS: """\
- macOS: in an .app, the handler lies in Contents/MacOS. Sign it first, then the app. In the App
  Sandbox it does not work.""",
    LINUX: """\
- Linux: the handler loads libcurl.so.4 when it uploads. In a container it is killed when process 1
  ends: let that wait for the handler (`docker run --init` alone does not), and allow ptrace. Link
  with `-Wl,-u,CRASHPAD_NOTE_REFERENCE`, as the CMake file does, or what the program annotates is
  lost.""",
}
CMAKE = """\
## {number}. Build it with CMake

```cmake
include(crash_reporting/CrashReporting.cmake)
crash_reporting_add(game)
```

```
cmake -B build -DCRASHPAD_DIR=/path/to/crashpad
cmake --build build
```

"""
MSBUILD = """\
## {number}. Build it with Visual Studio

Add `CrashReporting.props` to the project, and say where Crashpad is and which runtime library it
was built with, before the import:

```xml
<PropertyGroup>
  <CrashpadDir>C:\\crashpad</CrashpadDir>
  <CrashpadRuntime>MT</CrashpadRuntime>
</PropertyGroup>
<ImportGroup Label="PropertySheets">
  <Import Project="crash_reporting\\CrashReporting.props" />
</ImportGroup>
```

For symbols, import `Crashtool.Symbols.targets` at the end of the project.

"""
URL_INSIDE = (
    "Reports go to the URL in `crash_reporting.cpp`; the macro `CRASH_REPORTING_URL` overrides it."
)
URL_OUTSIDE = """\
The sources hold no URL, since it holds a token: give it to the build, in the variable
`CRASH_REPORTING_URL` of the environment, of CMake or of MSBuild. `crashtool make-url` prints it. A
program built without it says so when it starts, and reports nothing."""


def readme_text(integration: Integration, summaries: dict[str, str]) -> str:
    """README.md; `summaries` are what each of the other files is for."""
    layouts = {layout.name: layout for layout in integration.layouts.values()}
    obtained = [layout_text(layout, integration.layouts) for layout in layouts.values()]
    builds = [
        text
        for name, text in (("CrashReporting.cmake", CMAKE), ("CrashReporting.props", MSBUILD))
        if name in summaries
    ]
    numbered = [text.replace("{number}", str(2 + index)) for index, text in enumerate(builds)]
    after = 2 + len(builds)
    return fill_template(
        README_NAME,
        {
            "TITLE": integration.release.title,
            "FILES": "\n".join(f"| `{name}` | {text} |" for name, text in summaries.items()),
            "OBTAIN": "\n\n".join(obtained),
            "BUILD": "".join(numbered),
            "N": str(after),
            "M": str(after + 1),
            "L": str(after + 2),
            "URL": URL_INSIDE if integration.url else URL_OUTSIDE,
            "SHIP": "\n".join(SHIP[platform] for platform in integration.layouts),
        },
    )
