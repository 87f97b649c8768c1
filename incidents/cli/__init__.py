"""Commands of incidents, and those that need the whole application."""
