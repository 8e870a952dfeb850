"""The last lines that a program wrote to stderr before its crash."""
