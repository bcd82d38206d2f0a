"""The steps of a driver's life, which every driver should survive, and what each step may leave behind."""
