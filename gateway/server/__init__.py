"""Listeners and the connections of clients: bytes in, requests to the pipeline, answers out."""
