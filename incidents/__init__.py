"""Incident records, affected customers and the application put together from the engine."""
