"""A real crashpad_handler: find it, run programs under it, prove that it delivers."""
