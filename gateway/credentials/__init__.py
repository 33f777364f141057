"""Credentials the gateway makes itself: their form, their records, and who remembers them."""
