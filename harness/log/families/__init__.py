"""Functions that a report names though the mistake is not theirs: a family for each reason."""
