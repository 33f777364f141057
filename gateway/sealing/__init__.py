"""Sealing with keys derived from the server's secret."""
