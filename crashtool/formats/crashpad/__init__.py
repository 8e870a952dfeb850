"""What Crashpad keeps on disk and passes on its command line."""
