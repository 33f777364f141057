"""Whether a Redis or Valkey server keeps what the gateway writes."""

from collections.abc import Iterator, Mapping

from gateway.cli.doctor_checks.finding import Finding
from gateway.oidc.finding import quoted
from gateway.storage.location import RedisLocation
from gateway.storage.redis_client import FAILURES, RedisClient, unavailable

_OLDEST = 5
_NO_EVICTION = "noeviction"


async def check_redis(kind: str, location: str) -> list[Finding]:
    """Findings on the server at `location`, the `store` setting."""
    client = RedisClient(RedisLocation.read(location))
    try:
        try:
            about = await client.commands.info()
        except FAILURES as error:
            says = f"cannot be told: {unavailable('info', error)}"
            do = "see docs/stores.md for how the server must be configured"
            return [Finding("ok", "store-version", kind, says, do)]
        return [*_judge(kind, about)]
    finally:
        await client.aclose()


def _judge(kind: str, about: Mapping[str, object]) -> Iterator[Finding]:
    version = str(about.get("redis_version", ""))
    major = version.partition(".")[0]
    says = f"version {quoted(version)}"
    if major.isdecimal() and int(major) < _OLDEST:
        do = f"use version {_OLDEST} or newer"
        yield Finding("error", "store-version", kind, says, do)
    else:
        yield Finding("ok", "store-version", kind, says)
    policy = str(about.get("maxmemory_policy", ""))
    if policy == _NO_EVICTION:
        yield Finding("ok", "store-eviction", kind, "nothing is evicted")
    elif policy:
        says = f"maxmemory-policy is {quoted(policy)}: sessions and used codes may be forgotten"
        do = f"set maxmemory-policy {_NO_EVICTION}"
        yield Finding("warning", "store-eviction", kind, says, do)
    if about.get("aof_enabled") == 1:
        yield Finding("ok", "store-persistence", kind, "writes are kept (appendonly)")
    else:
        says = "appendonly is off: a restart of the server signs people out and forgets API keys"
        do = "set appendonly yes and appendfsync always"
        yield Finding("warning", "store-persistence", kind, says, do)
