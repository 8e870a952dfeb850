"""Visual Studio projects as its wizard writes them, with Crashpad's settings at home."""

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<Project DefaultTargets="Build" xmlns="http://schemas.microsoft.com/developer/msbuild/2003">
"""
CONDITION = "Condition=\"'$(Configuration)|$(Platform)'=='{}'\""


def build_project(configurations, *, groups="", sheets=(), toolset="v143", sources=("main.cpp",)):
    """A .vcxproj. `configurations`: {"Release|x64": {"ClCompile": {...}, "Link": {...}}}.

    `groups` is XML before the end; `sheets` are property sheets that it imports.
    """
    listed = "".join(
        f'<ProjectConfiguration Include="{name}"><Configuration>{name.partition("|")[0]}'
        f"</Configuration><Platform>{name.partition('|')[2]}</Platform></ProjectConfiguration>\n"
        for name in configurations
    )
    kinds = "".join(
        f'<PropertyGroup {CONDITION.format(name)} Label="Configuration">'
        f"<ConfigurationType>Application</ConfigurationType><UseDebugLibraries>"
        f"{str(name.startswith('Debug')).lower()}</UseDebugLibraries>"
        f"<PlatformToolset>{toolset}</PlatformToolset></PropertyGroup>\n"
        for name in configurations
    )
    imports = "".join(f'<Import Project="{sheet}" />' for sheet in sheets)
    definitions = "".join(
        f"<ItemDefinitionGroup {CONDITION.format(name)}>{_tools(tools)}</ItemDefinitionGroup>\n"
        for name, tools in configurations.items()
    )
    files = "".join(f'<ClCompile Include="{source}" />' for source in sources)
    return (
        HEAD + f'<ItemGroup Label="ProjectConfigurations">{listed}</ItemGroup>\n'
        '<PropertyGroup Label="Globals"><RootNamespace>game</RootNamespace></PropertyGroup>\n'
        r'<Import Project="$(VCTargetsPath)\Microsoft.Cpp.Default.props" />'
        f"\n{kinds}"
        r'<Import Project="$(VCTargetsPath)\Microsoft.Cpp.props" />'
        '\n<ImportGroup Label="PropertySheets">'
        r'<Import Project="$(UserRootDir)\Microsoft.Cpp.$(Platform).user.props" '
        r"""Condition="exists('$(UserRootDir)\Microsoft.Cpp.$(Platform).user.props')" """
        'Label="LocalAppDataPlatform" />'
        f"{imports}</ImportGroup>\n{definitions}"
        f"<ItemGroup>{files}</ItemGroup>\n{groups}"
        r'<Import Project="$(VCTargetsPath)\Microsoft.Cpp.targets" />'
        "\n</Project>\n"
    )


def build_sheet(content):
    """A .props."""
    return f"{HEAD}{content}</Project>\n"


def _tools(tools):
    return "".join(
        f"<{tool}>"
        + "".join(f"<{name}>{value}</{name}>\n" for name, value in settings.items())
        + f"</{tool}>\n"
        for tool, settings in tools.items()
    )
