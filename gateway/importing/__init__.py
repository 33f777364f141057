"""Translates other proxies' configuration into Gatepost's."""
