"""Builds a running gateway from settings, and applies new settings to it."""
