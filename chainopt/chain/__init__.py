"""The problem, read and checked once."""
