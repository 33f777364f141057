"""Expressions of `when`: a subset of CEL, read and checked when the configuration is loaded.

What they mean at a request is in ``authz/expression_*.py``.  The language: https://cel.dev/.
"""
