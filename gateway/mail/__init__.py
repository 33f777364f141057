"""Mails to people: written, queued and handed to the mail server."""
