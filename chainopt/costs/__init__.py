"""What an operation costs, one model a file."""
