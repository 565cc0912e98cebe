"""Which search looks for the plan: heuristic, proof, or both."""
