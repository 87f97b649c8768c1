"""The in-service banner: a notice shown by the customer's own service, after sign-in, to that account alone.

Nothing is handed over to a carrier here. The host application vouches for its signed-in account with a
short-lived token, asks which notices that account has now, shows them, and reports what the reader did.
"""
