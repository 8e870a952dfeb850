"""triage --explain: for each call of one crash whether it counts, and by which rule."""

import os
from typing import TYPE_CHECKING, Any

from crashtool.commands.console import Console
from crashtool.commands.options import open_symbols

if TYPE_CHECKING:
    from crashtool.model.triage.grouping_rules import Rules


def explain(console: Console, options: dict[str, Any], rules: "Rules") -> None:
    """Answer for the minidump that --explain names."""
    from crashtool.model.own_calls import decide_calls
    from crashtool.model.signature import sign
    from crashtool.render.triage import decisions_document, render_decisions
    from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report

    path = os.fspath(options["explain"])
    with open_symbols(options, console) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols, warn=console.warn_once))
    thread = report.crashed_thread
    decisions = tuple(decide_calls(thread.frames if thread else (), rules))
    text = sign(report, rules).text
    if console.json:
        console.document(decisions_document(path, text, decisions))
    else:
        console.answer(render_decisions(path, text, decisions))
