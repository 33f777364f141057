"""Rate limits, counted together by all workers of one machine, and told to others."""

from gateway.limits.limiter import RateLimiter
from gateway.limits.rate import Rate
from gateway.limits.table import RateTable, shared_memory

__all__ = ["Rate", "RateLimiter", "RateTable", "shared_memory"]
