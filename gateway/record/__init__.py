"""Records one event for each request: the audit line and the metrics."""
