"""The pages about incidents that the public sees."""
