"""Dense Jacobians by stages, the sparse ones of which are colored and multiplied by their nonzeros."""
