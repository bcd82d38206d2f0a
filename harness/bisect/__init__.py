"""The first bad kernel of a row."""
