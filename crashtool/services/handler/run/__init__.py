"""A program with all that belongs to its run: handler, database, report, and its own end."""
