"""What a minidump means: from its structs to a crash report."""
