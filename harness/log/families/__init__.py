"""Functions that a report names although they are not at fault: one family for each reason."""
