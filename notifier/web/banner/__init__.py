"""The in-service banner over HTTP: notices as JSON and as an HTML fragment, reports, changes, the element."""

from notifier.web.banner.routes import add_banner_routes

__all__ = ["add_banner_routes"]
