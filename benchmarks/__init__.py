"""What chainopt costs and what it is worth, beside its peers: ``python -m benchmarks``, or ``python -m pytest benchmarks``."""
