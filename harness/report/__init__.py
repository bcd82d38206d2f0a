"""From facts to verdicts to files; pure until the last write."""
