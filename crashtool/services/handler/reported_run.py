"""Run a program under a handler with all that belongs to it: handler, database, the report."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crashtool.services.handler.command_line import (
    compose_command,
    read_annotations,
    read_attachments,
)
from crashtool.services.handler.find import find_handler
from crashtool.services.handler.program import run_program
from crashtool.services.handler.program_file import find_program
from crashtool.services.handler.report_database import list_minidumps, prepare_database

if TYPE_CHECKING:
    from crashtool.model.run import Delivery, RunResult


class RunPlan(NamedTuple):
    """What to run and how, as the user gave it; `database` is made if absent."""

    program: tuple[str, ...]
    database: Path
    handler: str | None = None
    annotations: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    url: str = ""
    mode: str = "trace"


class ReportedRun:
    """A run in two steps, so that trouble with the report cannot cost the program's status."""

    def __init__(self, plan: RunPlan, warn: Callable[[str], None]) -> None:
        """Get everything ready; a CrashtoolError here means that nothing has been run."""
        self.plan = plan
        self.program_path = find_program(plan.program[0])
        handler = find_handler(plan.handler)
        self._line = compose_command(
            handler,
            plan.database,
            annotations=read_annotations(plan.annotations),
            attachments=read_attachments(plan.attachments, handler.kind),
            url=plan.url,
        )
        settings = prepare_database(plan.database)
        if plan.url and not (settings and settings.uploads_enabled):
            warn(f"uploads are disabled in {plan.database}: the handler will not send anything")
        self._known = list_minidumps(plan.database)

    def run(self) -> "RunResult":
        """The program's life, to its end."""
        return run_program(self.plan.program, self._line, mode=self.plan.mode)

    def find_delivery(self, result: "RunResult") -> "Delivery | None":
        """The report of its crash, if it had one and left one."""
        if result.fatal is None:
            return None
        from crashtool.services.handler.delivery import find_delivery  # no cost without a crash

        return find_delivery(self.plan.database, self._known, result.process_id)
