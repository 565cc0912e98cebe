"""From what the benchmarks found to tables, plots and one report."""
