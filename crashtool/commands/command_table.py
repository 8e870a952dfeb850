"""The table of subcommands, and what the root command says of itself.

Nothing is imported for it, so that the help text of `crashtool` waits for no parser.
"""

COMMANDS = {
    "make-url": "Build, check, convert and explain submission URLs.",
    "annotate": "Check annotations and attachments; print them as StartHandler needs them.",
    "send-dump": "Send minidumps to Backtrace, as crashpad_handler would.",
    "inspect": "Show what a minidump says: what crashed, where and why.",
    "triage": "Group many minidumps by what crashed, count them, and compare versions.",
    "upload-symbols": "Check debug files and upload them.",
    "symbols": "Check, find, fetch and write symbols; look after what is kept.",
    "database": "Show a Crashpad database, and why each report was or was not uploaded.",
    "completion": "Print the completion script of a shell.",
    "doctor": "Check a Crashpad integration: what is wrong, what follows, what to type.",
    "scaffold": "Write integration files: C++, CMake, MSBuild, GitHub Actions, Windows, settings.",
    "serve": "Receive reports locally, answering as Backtrace does.",
    "smoke": "Prove end to end that a crash under a real crashpad_handler arrives.",
    "run": "Run any program under a crashpad_handler, or without one, and report its crash.",
}

SUMMARY = (
    (
        "Crashpad crash reports, from StartHandler to a readable crash: check the integration, "
        "send minidumps, upload symbols, read crashes. For Backtrace, or a receiver on your own "
        "machine."
    ),
    (
        "Exit status: 0 done, 1 a bug in crashtool, 2 usage, 3 input unusable, 4 a check failed, "
        "5 refused, 6 rejected by the server, 7 network, 8 partial, 9 the machine (an answer or a "
        "file cannot be written, no process starts), 130 interrupted."
    ),
)
ROOT_OPTIONS = {
    "--version": "Show the version and exit.",
    "-h, --help": "Show this message and exit.",
}
