"""Banners: notices that are shown in the customer's own service, and the record of what became of them."""

from notifier.banners.repository import StoreBanners

__all__ = ["StoreBanners"]
