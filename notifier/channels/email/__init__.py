"""E-mail: messages, sessions with relays, pipelined hand-over, and what the answers mean."""
