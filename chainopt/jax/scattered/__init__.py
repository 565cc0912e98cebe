"""Dense Jacobians with few nonzeros, or few beside a product of two thin matrices: those are computed, and put in their places."""
