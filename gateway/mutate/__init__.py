"""What the upstream is told: stripped fields, signed identity.  Pure."""
