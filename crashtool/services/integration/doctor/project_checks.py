"""The rows of the table of checks for settings, databases, builds, sources and registry files."""

from __future__ import annotations

from crashtool.model.doctor import (
    CMAKE_BUILD,
    CRASHPAD_LIBRARY,
    DATABASE,
    HOST,
    MSBUILD,
    REGISTRY,
    SETTINGS,
    SOURCE,
    XCODE,
)
from crashtool.services.integration.doctor import (
    database_place,
    database_state,
    link_compile,
    link_include,
    link_libraries,
    link_outputs,
    link_runtime,
    reach,
    registry_tls,
    source_start,
    submission_checks,
    xcode_builds,
)
from crashtool.services.integration.doctor.crashpad_builds import tell_quietly
from crashtool.services.integration.doctor.examination import Check

BUILDS = (MSBUILD, CMAKE_BUILD)

PROJECT_CHECKS = (
    *submission_checks.make_url_checks(),
    Check("url.reach", (SETTINGS,), reach.check_reach, "with --probe: its server answers"),
    *submission_checks.make_annotation_checks(),
    Check(
        "database.place",
        (SETTINGS,),
        database_place.check_place,
        "the configured folder can be made and written, and stays",
    ),
    Check(
        "database.length",
        (SETTINGS,),
        database_place.check_length,
        "on Windows, its path leaves room for the names of reports",
    ),
    Check(
        "database.state",
        (DATABASE, SETTINGS),
        database_state.check_state,
        "uploads are on, nothing is damaged, locked or unsent",
    ),
    Check(
        "database.space",
        (DATABASE, SETTINGS),
        database_place.check_space,
        "there is room for a dump, and no limit on files that forbids it",
    ),
    Check(
        "host.tls.windows",
        (REGISTRY, HOST),
        registry_tls.check_tls,
        "on old Windows, the registry allows TLS 1.2 to WinHTTP",
    ),
    Check(
        "link.crt",
        BUILDS,
        tell_quietly(link_runtime.check_crt),
        "Crashpad's libraries and the program have one C runtime: /MT, /MTd, /MD or /MDd",
    ),
    Check(
        "link.iterator",
        BUILDS,
        tell_quietly(link_runtime.check_iterator),
        "they have one _ITERATOR_DEBUG_LEVEL",
    ),
    Check(
        "link.machine",
        BUILDS,
        tell_quietly(link_runtime.check_machine),
        "they are for one processor",
    ),
    Check(
        "link.ltcg",
        (CRASHPAD_LIBRARY, *BUILDS),
        tell_quietly(link_runtime.check_ltcg),
        "no object of the libraries waits for link-time code generation",
    ),
    Check(
        "link.stl",
        (CRASHPAD_LIBRARY, *BUILDS),
        tell_quietly(link_runtime.check_stl),
        "the libraries were not built by a newer Visual C++ than the one that links",
    ),
    Check(
        "link.libraries",
        BUILDS,
        tell_quietly(link_libraries.check_libraries),
        "all libraries that this distribution of Crashpad has are linked",
    ),
    Check(
        "link.include",
        BUILDS,
        tell_quietly(link_include.check_include),
        "the include folders are there and hold what Crashpad's headers include",
    ),
    Check(
        "link.standard",
        BUILDS,
        tell_quietly(link_compile.check_standard),
        "the C++ standard is the one that the headers need",
    ),
    Check(
        "link.nominmax",
        BUILDS,
        tell_quietly(link_compile.check_nominmax),
        "NOMINMAX is defined where windows.h meets Crashpad's headers",
    ),
    Check(
        "link.pdb",
        (MSBUILD,),
        tell_quietly(link_outputs.check_pdb),
        "release configurations make a whole PDB",
    ),
    Check(
        "link.dsym",
        (XCODE,),
        xcode_builds.check_dsym,
        "release configurations of an Xcode project make a dSYM",
    ),
    Check(
        "link.handler",
        (XCODE,),
        xcode_builds.check_handler_phase,
        "a build phase of an Xcode project copies the handler to where code may lie",
    ),
    Check(
        "link.elf",
        (CMAKE_BUILD,),
        tell_quietly(link_outputs.check_elf),
        "ld keeps the annotations' marker and makes no executable stack; symbols are made",
    ),
    Check(
        "link.pic",
        (CMAKE_BUILD,),
        tell_quietly(link_outputs.check_pic),
        "a client in a shared library is position independent",
    ),
    Check(
        "source.start",
        (SOURCE,),
        source_start.check_start,
        "uploads on, result looked at, client kept, start waited for, absolute paths",
    ),
)
"""In the order in which findings are reported."""
