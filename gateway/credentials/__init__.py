"""Credentials that the gateway issues: their format, their records and their caches."""
