"""Preflight: every notice is made and checked before anybody can approve."""
