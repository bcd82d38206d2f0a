"""What every driver should survive: the steps of its life, and what each may leave behind."""
