"""Sparse Jacobians of functions: products with sums of columns, or rows, of one color, and where the nonzeros are in them."""
