"""One algorithm a file, one signature: a chain in, its cheapest bracketing and the cost out."""
