"""The loop around a program and the processes that it starts, from a fatal signal to a dump."""
