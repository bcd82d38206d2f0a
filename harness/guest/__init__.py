"""Conversing with the guest."""
