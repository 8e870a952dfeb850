"""Debug files on their way to a server: found, graded, held against what ships, and sent."""
