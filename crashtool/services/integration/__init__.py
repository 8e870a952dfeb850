"""Files that tie crashtool into a build: templates, and where each belongs."""
