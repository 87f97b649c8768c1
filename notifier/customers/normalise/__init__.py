"""From cells to values: each module knows one kind of value, ``rows`` puts a customer together."""
