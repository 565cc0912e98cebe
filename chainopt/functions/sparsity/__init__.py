"""Patterns of the Jacobians of functions: which entry of the results depends on which entry of the inputs."""
