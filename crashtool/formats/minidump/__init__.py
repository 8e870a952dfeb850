"""Minidump files: streams, contexts, reasons; read on a memory map, when asked for."""
