"""A crash report as a web page that needs nothing else: no script, no style sheet, no image."""

from collections.abc import Sequence
from html import escape

from crashtool.model.crash import CrashReport
from crashtool.render.page import Page
from crashtool.render.report import render_report
from crashtool.render.safe_text import safe

STYLE = """\
:root { color-scheme: light dark; }
body { font: 14px/1.5 ui-monospace, Menlo, Consolas, monospace; margin: 2rem; }
pre { overflow-x: auto; }
.heading { color: #0b7285; font-weight: bold; } .strong { font-weight: bold; }
.good { color: #2b8a3e; } .warn { color: #b35900; } .bad { color: #c92a2a; font-weight: bold; }
.dim { opacity: .65; }
"""


def render_html(reports: Sequence[CrashReport]) -> str:
    """One page with a section for each report: everything, threads and modules folded."""
    title = safe(reports[0].path) if len(reports) == 1 else f"{len(reports)} minidumps"
    sections = "\n".join(map(_section, reports))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
        f"{sections}\n</body>\n</html>\n"
    )


def _section(report: CrashReport) -> str:
    details = render_report(
        report, threads=True, registers=True, modules=True, streams=True, verbose=True
    )
    return (
        f"<section>\n<pre>{_markup(render_report(report))}</pre>\n"
        f"<details><summary>Threads, registers, modules, streams</summary>\n"
        f"<pre>{_markup(details)}</pre></details>\n</section>"
    )


def _markup(page: Page) -> str:
    return "\n".join(
        "".join(
            f'<span class="{style}">{escape(text)}</span>' if style else escape(text)
            for text, style in line
        ).rstrip()
        for line in page.lines
    )
