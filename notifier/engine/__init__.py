"""What plans, carries and accounts for deliveries. The store holds the truth; this only works on it."""
