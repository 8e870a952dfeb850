"""Debug files: reading them by way of symbolic, names by way of demangle."""
