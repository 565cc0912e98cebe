"""Jacobians as straight-line code: by eliminating the vertices of the graph of single numbers that a function computes."""
