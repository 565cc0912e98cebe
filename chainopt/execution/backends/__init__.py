"""What the libraries of arrays do each in its own way."""
