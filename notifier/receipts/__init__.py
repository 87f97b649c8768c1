"""Receipts: what carriers and readers' servers report afterwards, put on record and acted upon."""
