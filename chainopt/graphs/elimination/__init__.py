"""Jacobians of graphs by the elimination of vertices."""
