"""Arguments and variables of a stack's frames: from what debug files say and a dump holds."""
