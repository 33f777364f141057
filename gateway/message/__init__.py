"""HTTP/1.1 message rules (RFC 9110, RFC 9112) as pure functions over values."""
