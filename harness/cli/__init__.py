"""The command line: `rustbed COMMAND`."""
