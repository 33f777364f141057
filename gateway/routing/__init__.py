"""Which route a request is for.  Pure."""
