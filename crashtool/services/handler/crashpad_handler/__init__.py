"""The real crashpad_handler: found, started, asked for a dump."""
