"""Object files and debug files: ELF, PE, PDB, Mach-O and Breakpad's .sym."""
