"""The gateway as authorization server: clients, what they ask for, codes and consents."""
