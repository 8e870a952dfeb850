"""Debug files: where they are, what they say of an address, names by way of demangle."""
