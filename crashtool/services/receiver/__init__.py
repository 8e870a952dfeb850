"""A local server that answers as Backtrace does."""
