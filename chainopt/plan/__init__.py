"""What the user holds: the answer, shown, stored and run."""
