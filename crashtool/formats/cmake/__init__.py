"""What CMake leaves in a build folder: its cache, the lines that compile, the lines that link."""
