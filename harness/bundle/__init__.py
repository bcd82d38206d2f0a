"""What makes a kernel and a machine portable."""
