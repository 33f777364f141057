"""The directory that people sign in with, over LDAP.  It is read, and never written."""
