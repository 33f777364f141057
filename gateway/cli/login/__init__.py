"""`gatepost login`, `token` and `logout`: a person signs in to a gateway from a command line."""
