"""Settings become a running gateway, and a running gateway takes new settings."""
