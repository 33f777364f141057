"""Gatepost: an auth gateway that signs people in and forwards a proven identity."""

__version__ = "0.1.0"
