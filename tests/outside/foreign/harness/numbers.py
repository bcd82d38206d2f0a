"""What the drivers promise."""

FIRST = 1
LIMIT = 7
