"""Which PostgreSQL keeps the store."""

from gateway.cli.doctor_checks.finding import Finding
from gateway.errors import GatewayError
from gateway.oidc.finding import quoted
from gateway.storage.location import PostgresLocation
from gateway.storage.postgres_pool import PostgresPool

_OLDEST = 12


async def check_postgres(kind: str, location: str) -> Finding:
    """The finding on the server at `location`, the `store` setting."""
    pool = PostgresPool(PostgresLocation.read(location))
    try:
        async with pool.connection("version") as connection:
            version = str(await connection.fetchval("SHOW server_version"))
    except GatewayError as error:
        return Finding("ok", "store-version", kind, f"cannot be told: {error}")
    finally:
        await pool.aclose()
    major = version.partition(".")[0]
    says = f"version {quoted(version)}"
    if major.isdecimal() and int(major) < _OLDEST:
        return Finding("error", "store-version", kind, says, f"use version {_OLDEST} or newer")
    return Finding("ok", "store-version", kind, says)
