"""The pure modes, with the coefficients of the linear map computed before it, and once."""
