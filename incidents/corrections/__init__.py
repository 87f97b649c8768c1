"""Corrections and updates: telling exactly those again who were told."""
