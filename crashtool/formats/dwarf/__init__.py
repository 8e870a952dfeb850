"""DWARF, versions 2 to 5: from an address to what debug information says of it, read lazily."""
