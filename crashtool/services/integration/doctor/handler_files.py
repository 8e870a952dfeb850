"""handler.present and the like: the crashpad_handler as a file beside a program."""

from collections.abc import Iterator

from crashtool.model.doctor import Finding, Subject
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, note
from crashtool.services.integration.doctor.pairing import find_handlers, is_beside
from crashtool.services.integration.doctor.sniffing import read_markers


def check_present(program: Subject, examination: Examination) -> Iterator[Finding]:
    """A program that has the client needs a handler where it looks for one."""
    if not examination.recall(read_markers, program.path).has_client:
        return  # program.client tells of it
    handlers = find_handlers(program, examination)
    if not handlers:
        yield failure(
            program.path,
            "no crash handler beside it",
            "Nothing is reported: StartHandler has nothing to start.",
            "copy crashpad_handler (of the same Crashpad as the client) into the program's folder, "
            "and have the build and the installer do so",
        )
    elif not is_beside(handlers[0], program.path):
        yield note(
            program.path,
            f"the handler is elsewhere: {handlers[0]}",
            "That is well if the code passes this path to StartHandler.",
        )
