"""Expressions of `when`, compiled: what each part of one is for a request."""
