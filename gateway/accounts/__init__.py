"""Accounts: whom the gateway remembers, and which user name is whose."""
