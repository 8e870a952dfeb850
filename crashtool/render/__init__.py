"""Values to text, JSON and HTML; knows no service."""
