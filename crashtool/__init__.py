"""crashtool: from "we link Crashpad" to "we can read the crash".

errors     what can go wrong, and the exit status of each kind
formats    bytes to values and back: minidumps, Crashpad databases, URLs, form bodies
model      what is known about a crash, a submission, a set of symbols: plain values
services   the work: analyze a dump, submit it, receive it, run a program under a handler
render     values to text, JSON and HTML; everything that came from a dump is made safe here
commands   one module per subcommand: options in, one service, one renderer out
cli        the table of subcommands, and errors to exit statuses
"""

__version__ = "0.1.0"
