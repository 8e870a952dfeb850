"""The minidump that crashtool writes itself, of a stopped process."""
