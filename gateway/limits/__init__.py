"""Rate limits: so many requests in a while, counted by all workers of one machine together."""

from gateway.limits.limiter import RateLimiter
from gateway.limits.table import RateTable, shared_memory

__all__ = ["RateLimiter", "RateTable", "shared_memory"]
