"""Measurements. No test asserts a time; ``make bench`` prints what stands in the docs."""
