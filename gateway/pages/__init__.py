"""HTML pages of the gateway; they work without scripts."""
