"""What is said of a run besides the report of its crash."""

import signal
from typing import Any

from crashtool.model.run import DeliveredReport, RunResult


def name_signal(number: int) -> str:
    """SIGSEGV for 11, and so on."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _name_writer(result: RunResult) -> str | None:
    if result.fatal is None:
        return None
    return "crashtool" if result.mode == "own" else "crashpad_handler"


def run_document(result: RunResult, delivery: DeliveredReport | None) -> dict[str, Any]:
    """A run as JSON: how the program ended, and what became of the report."""
    fatal = result.fatal
    return {
        "exit_status": result.status if result.status >= 0 else None,
        "signal": name_signal(-result.status) if result.status < 0 else None,
        "process_id": result.process_id,
        "crashed": fatal is not None,
        "mode": result.mode or None,
        "writer": _name_writer(result),
        "problem": result.problem,
        "dump_seconds": round(result.dump_seconds, 3) if fatal else None,
        "report": delivery and {
            "report_id": delivery.uuid,
            "minidump": delivery.path,
            "uploaded": delivery.uploaded,
            "reply": delivery.reply,
            "reason": delivery.reason,
        },
    }  # fmt: skip
