"""Archives, packages and packed files, read in bounded memory: one module for each format."""
