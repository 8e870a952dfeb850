"""Crashpad databases: read from a folder or an archive, and changed as Crashpad changes them."""
