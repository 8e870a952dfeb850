"""Files and folders of this machine: finding minidumps in them, locks, scratch, whole writes."""
