"""Configuration: schema, positions, environment, files."""
