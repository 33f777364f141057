"""Listeners and client connections: read bytes, pass requests to the pipeline, write answers."""
