"""Builds the request that goes upstream: strips fields, adds the signed identity.  Pure."""
