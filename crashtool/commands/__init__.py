"""One module per subcommand: its options, one service, one renderer."""
