"""The table of checks. A check is a function in its family's module and its row here."""

from __future__ import annotations

from crashtool.model.doctor import (
    BUNDLE,
    CRASHPAD_LIBRARY,
    DOCKERFILE,
    HANDLER,
    HOST,
    IMAGE,
    PROGRAM,
)
from crashtool.services.integration.doctor import (
    bundle,
    handler_files,
    handler_libraries,
    handler_talk,
    host_linux,
    program_client,
    program_texts,
)
from crashtool.services.integration.doctor.examination import Check
from crashtool.services.integration.doctor.facts import of_programs
from crashtool.services.integration.doctor.project_checks import PROJECT_CHECKS

CHECKS = (
    Check(
        "handler.present",
        (PROGRAM,),
        handler_files.check_present,
        "a handler lies beside the program",
    ),
    Check(
        "handler.executable",
        (HANDLER,),
        of_programs(handler_files.check_executable),
        "the system may run it",
    ),
    Check(
        "handler.kind",
        (HANDLER,),
        handler_files.check_kind,
        "it is a crashpad_handler for the program's system",
    ),
    Check(
        "handler.arch",
        (PROGRAM,),
        handler_files.check_architecture,
        "it is for the program's processor",
    ),
    Check(
        "handler.libraries",
        (HANDLER,),
        of_programs(handler_libraries.check_libraries),
        "the libraries that it is linked with are installed, in the versions it needs",
    ),
    Check(
        "handler.libcurl",
        (HANDLER,),
        of_programs(handler_libraries.check_libcurl),
        "the libcurl that it loads for uploads is there, and has https",
    ),
    Check(
        "handler.protocol",
        (HANDLER,),
        of_programs(handler_talk.check_protocol),
        "it understands the program's client, asked over its socket",
    ),
    Check(
        "handler.arguments",
        (HANDLER,),
        of_programs(handler_talk.check_arguments),
        "it understands the annotations and --handler-argument, by its --help",
    ),
    Check(
        "handler.attachments",
        (HANDLER,),
        of_programs(handler_talk.check_attachments),
        "attachments are spelled as its fork takes them",
    ),
    Check(
        "handler.name",
        (PROGRAM,),
        handler_files.check_name,
        "it is called what the program's code calls it",
    ),
    Check("program.client", (PROGRAM,), program_client.check_client, "Crashpad's client is in it"),
    Check(
        "program.note",
        (PROGRAM, CRASHPAD_LIBRARY),
        program_client.check_note,
        "a handler finds the annotations that it sets itself (Linux)",
    ),
    Check(
        "program.stack",
        (PROGRAM,),
        program_client.check_stack,
        "its stack is not executable (Linux)",
    ),
    Check(
        "program.threads",
        (PROGRAM,),
        program_client.check_threads,
        "stack overflows in all threads are reported (Linux)",
    ),
    Check(
        "program.static",
        (PROGRAM,),
        program_client.check_static,
        "it is not static, for then its list of modules is short (Linux)",
    ),
    Check(
        "program.ratelimit",
        (PROGRAM,),
        program_texts.check_rate_limit,
        "a release build does not switch the limit of uploads off",
    ),
    Check(
        "program.url",
        (PROGRAM,),
        program_texts.check_url,
        "the submission URLs in it keep the rules of make-url",
    ),
    Check(
        "program.paths",
        (PROGRAM,),
        program_texts.check_paths,
        "handler and database are not given by a path of the machine that built it",
    ),
    Check(
        "program.symbols",
        (PROGRAM,),
        program_client.check_symbols,
        "it has an identifier, by which its reports find symbols",
    ),
    Check(
        "host.ptrace",
        (HOST, IMAGE),
        host_linux.check_ptrace,
        "a handler may read the program that started it (Linux): tried",
    ),
    Check(
        "host.pid1",
        (HOST, DOCKERFILE),
        host_linux.check_first_process,
        "a container's first process outlives the upload (Linux)",
    ),
    Check("host.files", (HOST,), host_linux.check_files, "a process may open enough files"),
    Check(
        "host.lsm",
        (HOST, IMAGE),
        host_linux.check_lsm,
        "no SELinux or AppArmor confines handlers unseen (Linux)",
    ),
    Check(
        "host.sandbox.mac",
        (BUNDLE,),
        bundle.check_bundle,
        "a bundle's sandbox, signature and layout let its handler work (macOS)",
    ),
    *PROJECT_CHECKS,
)
