"""Where a Jacobian has nonzeros, and what products of such patterns cost."""
