"""A Linux minidump as a core file, for gdb and lldb."""
