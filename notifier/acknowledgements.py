"""Acknowledgements."""

ACKNOWLEDGED = "EXISTS (SELECT 1 FROM acknowledgement a WHERE a.member_id = m.id AND a.counts)"
