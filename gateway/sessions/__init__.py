"""Browser sessions: rules, ticket, life cycle."""
