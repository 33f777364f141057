"""Rate limits, counted together by all workers of one machine."""

from gateway.limits.limiter import RateLimiter
from gateway.limits.table import RateTable, shared_memory

__all__ = ["RateLimiter", "RateTable", "shared_memory"]
