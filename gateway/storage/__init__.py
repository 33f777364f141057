"""Stores for all data that must last or be shared, behind one small protocol."""

from gateway.storage.store import Clock, Handler, Lock, OnGap, Store, Unsubscribe
from gateway.storage.stores import STORES, open_store

__all__ = [
    "STORES",
    "Clock",
    "Handler",
    "Lock",
    "OnGap",
    "Store",
    "Unsubscribe",
    "open_store",
]
