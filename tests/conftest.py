"""Fixtures shared by all tests; each lives with what it starts, under tests/fixtures."""

from hypothesis import settings

# Whatever else the machine is doing: no test asserts a time.
settings.register_profile("gatepost", deadline=None)
settings.load_profile("gatepost")

pytest_plugins = [
    "tests.fixtures.clock",
    "tests.fixtures.network",
    "tests.fixtures.issuers",
    "tests.fixtures.memory",
    "tests.fixtures.oidc",
    "tests.fixtures.forward_proxy",
    "tests.fixtures.gateway",
    "tests.fixtures.activation",
    "tests.fixtures.redis",
    "tests.fixtures.postgres",
    "tests.fixtures.mariadb",
    "tests.fixtures.demo",
    "tests.fixtures.threaded",
    "tests.fixtures.accounts",
    "tests.fixtures.mcp_server",
    "tests.fixtures.chromium",
    "tests.fixtures.mail",
    "tests.fixtures.collector",
    "tests.fixtures.wheels",
    "tests.fixtures.slapd",
]
