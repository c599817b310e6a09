"""Tests that sit at a real pseudo-terminal and type. What can be tested without one belongs in `tests/unit`."""
