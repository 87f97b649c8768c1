"""The built wheel, used where no checkout is."""
