"""What is remembered between runs, in one SQLite file."""
