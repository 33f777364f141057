"""A development provider and a small app, behind `gatepost demo`."""
