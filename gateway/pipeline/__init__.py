"""The path of a request: read, decide, admit."""
