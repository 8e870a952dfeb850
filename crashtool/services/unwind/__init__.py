"""Stack walking: from a thread's registers and memory to its chain of calls."""
