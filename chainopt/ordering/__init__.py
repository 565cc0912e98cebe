"""The doors: a chain in, a plan out."""
