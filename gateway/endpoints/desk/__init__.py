"""The administrator's desk: pages under ``admin``, and the same as calls under ``api/admin``."""
