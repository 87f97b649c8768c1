"""A person's own notice as a page, opened by a signed link, where they can say that they have read it."""
