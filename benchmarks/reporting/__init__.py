"""From what the benchmarks report to tables, figures and one page."""
