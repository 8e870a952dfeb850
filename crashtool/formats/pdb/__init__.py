"""PDB files read in place: from an address to its function, lines, merged calls and variables.

Nothing is converted or read beforehand: an address leads to one module of the file, and what is
read of it is hopped through. Layouts: microsoft-pdb (cvinfo.h, dbi.h, gsi.h, tpi.h, msf.cpp).
"""
