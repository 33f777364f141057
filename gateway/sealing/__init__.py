"""Sealing with keys that derive from the server's secret."""
