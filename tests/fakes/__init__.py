"""Stand-ins for the outside world, each obeying written facts and each with its own tests."""
