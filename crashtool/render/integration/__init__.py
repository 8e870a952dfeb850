"""The files of an integration: C++ that starts the handler, what builds it, what to read."""
