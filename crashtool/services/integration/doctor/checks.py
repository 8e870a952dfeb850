"""The table of checks. A check is a function in its family's module and its row here."""

from crashtool.model.doctor import PROGRAM
from crashtool.services.integration.doctor import handler_files
from crashtool.services.integration.doctor.examination import Check

CHECKS = (
    Check("handler.present", (PROGRAM,), handler_files.check_present,
          "a handler lies beside the program"),
)  # fmt: skip
