"""What watches a test besides the kernel log."""
