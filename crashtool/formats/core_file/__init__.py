"""ELF core files of Linux, as debuggers read them: notes and memory."""
