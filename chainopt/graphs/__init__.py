"""From a computation graph to a chain of stages, and to its Jacobian."""
