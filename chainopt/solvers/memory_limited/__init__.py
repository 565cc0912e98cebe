"""The cheapest plan under a limit on the matrix entries alive at once: exact for short chains, bounded for long ones."""
