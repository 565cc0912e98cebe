"""Traced functions of any library as equations, cut into a chain of stages where least is alive."""
