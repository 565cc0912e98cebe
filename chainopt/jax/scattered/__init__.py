"""Dense Jacobians with few nonzeros, or few beside the product of two thin matrices: those are put in their places."""
