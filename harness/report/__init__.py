"""Facts to judgement to files; pure until the last write."""
