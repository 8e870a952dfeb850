"""Many minidumps to groups: reading rows, rules and baselines from files, choosing, resuming."""
