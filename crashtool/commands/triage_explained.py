"""triage --explain: for each call of one crash whether it counts, and by which rule."""

from typing import TYPE_CHECKING

from crashtool.commands.console import Console
from crashtool.commands.options import SymbolOptions, open_symbols

if TYPE_CHECKING:
    from crashtool.model.triage.grouping_rules import Rules


def explain(console: Console, path: str, lookup: SymbolOptions, rules: "Rules") -> None:
    """Answer for a minidump."""
    from crashtool.model.own_calls import decide_calls
    from crashtool.model.signature import sign
    from crashtool.render.triage import decisions_document, render_decisions
    from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report

    with open_symbols(lookup, console) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols, warn=console.warn_once))
    thread = report.crashed_thread
    decisions = tuple(decide_calls(thread.frames if thread else (), rules))
    text = sign(report, rules).text
    if console.json:
        console.document(decisions_document(path, text, decisions))
    else:
        console.answer(render_decisions(path, text, decisions))
