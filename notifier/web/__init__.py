"""The public pages: is this notice real, the newest checkpoint of the audit trail, and the health check."""
