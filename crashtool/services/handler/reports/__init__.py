"""The database that reports of a run go to, and what is in it after one."""
