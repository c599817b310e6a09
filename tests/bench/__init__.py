"""Benchmarks: whole processes, as ratios within one run; printed, never asserted by a test."""
