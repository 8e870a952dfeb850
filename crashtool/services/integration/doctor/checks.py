"""The table of checks. A check is a function in its family's module and its row here."""

from crashtool.model.doctor import HANDLER, PROGRAM
from crashtool.services.integration.doctor import handler_files, handler_libraries, handler_talk
from crashtool.services.integration.doctor.examination import Check
from crashtool.services.integration.doctor.project_checks import PROJECT_CHECKS

CHECKS = (
    Check("handler.present", (PROGRAM,), handler_files.check_present,
          "a handler lies beside the program"),
    Check("handler.executable", (HANDLER,), handler_files.check_executable,
          "the system may run it"),
    Check("handler.kind", (HANDLER,), handler_files.check_kind,
          "it is a crashpad_handler for the program's system"),
    Check("handler.arch", (PROGRAM,), handler_files.check_architecture,
          "it is for the program's processor"),
    Check("handler.libraries", (HANDLER,), handler_libraries.check_libraries,
          "the libraries that it is linked with are there, in the versions it wants"),
    Check("handler.libcurl", (HANDLER,), handler_libraries.check_libcurl,
          "the libcurl that it loads for uploads is there, and has https"),
    Check("handler.protocol", (HANDLER,), handler_talk.check_protocol,
          "it understands the program's client, asked over its socket"),
    Check("handler.arguments", (HANDLER,), handler_talk.check_arguments,
          "it understands the annotations and --handler-argument, by its --help"),
    Check("handler.attachments", (HANDLER,), handler_talk.check_attachments,
          "attachments are spelled as its fork takes them"),
    Check("handler.name", (PROGRAM,), handler_files.check_name,
          "it is called what the program's code calls it"),
    *PROJECT_CHECKS,
)  # fmt: skip
