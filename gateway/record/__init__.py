"""One event a request, whatever happened: the audit line and the metrics."""
