"""Work shared by threads and processes, and what the processes that are started get."""
