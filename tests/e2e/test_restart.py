"""A browser stays signed in over restarts, crashes and new secrets of a gateway."""

import signal
import subprocess
import sys

import pytest
import yaml

from tests.e2e.signed_in import OK, ask, browser, sign_in, start_cluster
from tests.fixtures.gateway import SECRET, clean_environment
from tests.patience import PATIENCE_S, until

NEW_SECRET = "the-second-one-for-tests-0123456789abcdef"


@pytest.fixture
def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    """Start a gateway, and start it again with other settings."""

    async def run(**options):
        upstream = await raw_upstream(OK)
        provider = start_oidc_provider()
        return start_cluster(gateway_process, provider, upstream.url, tmp_path, **options)

    return run


@pytest.fixture
def restart(gateway_process):
    def run(cluster, **settings):
        before = cluster.gateways[-1]
        if before.process.poll() is None:
            assert before.stop() == 0
        found = yaml.safe_load(before.config_path.read_text())
        cluster.gateways.append(gateway_process({"secret_file": None, **found, **settings}))

    return run


async def who(cluster, cookie):
    return (await ask(cookie, "GET", f"{cluster.origin}/page", cluster.origin))[0]


async def new_session(cluster, user):
    async with browser() as session:
        return await sign_in(session, cluster, user)


@pytest.mark.parametrize("secret", ["given", "made"])
async def test_a_session_outlives_the_gateway_however_it_ends(start, restart, tmp_path, secret):
    if secret == "made":
        # No secret is configured: the gateway makes one where its data lies.
        (tmp_path / "shared").mkdir()
        cluster = await start(secret_file=None)
        assert (tmp_path / "shared" / "secret").stat().st_mode & 0o777 == 0o600
    else:
        cluster = await start()
    cookies = [await new_session(cluster, "ann")]

    restart(cluster)
    assert await who(cluster, cookies[0]) == 200

    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        # Acknowledged a moment before the end.
        cookies.append(await new_session(cluster, "ann"))
        cluster.gateways[-1].process.send_signal(number)
        cluster.gateways[-1].process.wait(PATIENCE_S)
        restart(cluster)
        assert [await who(cluster, cookie) for cookie in cookies] == [200] * len(cookies)

    # So does the end of a session.
    headers = {"Sec-Fetch-Site": "same-origin"}
    url = f"{cluster.origin}/_gatepost/logout"
    assert (await ask(cookies[0], "POST", url, cluster.origin, headers=headers))[0] == 303
    cluster.gateways[-1].process.kill()
    cluster.gateways[-1].process.wait(PATIENCE_S)
    restart(cluster)
    assert [await who(cluster, cookie) for cookie in cookies] == [401, 200, 200, 200]


@pytest.fixture
def secrets(tmp_path):
    """Files with the secret, the one after it, and both."""
    found = {}
    for name, text in (("old", SECRET), ("new", NEW_SECRET)):
        found[name] = tmp_path / name
        found[name].write_text(text)
        found[name].chmod(0o600)
    old, new = str(found["old"]), str(found["new"])
    return {"old": [old], "both": [new, old], "new": [new]}


async def test_a_secret_is_rotated_while_sessions_go_on(start, restart, secrets):
    cluster = await start(secret_file=secrets["old"])
    before = await new_session(cluster, "ann")

    restart(cluster, secret_file=secrets["both"])
    assert await who(cluster, before) == 200
    between = await new_session(cluster, "ann")

    restart(cluster, secret_file=secrets["new"])
    assert await who(cluster, between) == 200
    assert await who(cluster, before) == 401
    assert await who(cluster, await new_session(cluster, "ann")) == 200


async def test_a_secret_is_rotated_without_a_restart(start, restart, secrets):
    cluster = await start(secret_file=secrets["old"])
    before = await new_session(cluster, "ann")
    (gateway,) = cluster.gateways

    async def reload(name, times):
        settings = yaml.safe_load(gateway.config_path.read_text())
        gateway.config_path.write_text(yaml.safe_dump({**settings, "secret_file": secrets[name]}))
        gateway.process.send_signal(signal.SIGHUP)

        async def was_read():
            return gateway.log().count("was reloaded") >= times

        await until(was_read)

    await reload("both", 1)
    assert await who(cluster, before) == 200
    between = await new_session(cluster, "ann")
    assert await who(cluster, between) == 200

    await reload("new", 2)
    assert await who(cluster, between) == 200
    restart(cluster)
    assert await who(cluster, between) == 200
    assert await who(cluster, before) == 401
    assert await who(cluster, await new_session(cluster, "ann")) == 200


async def test_a_secret_that_is_given_later_goes_before_the_one_that_was_made(
    start, restart, secrets, tmp_path
):
    (tmp_path / "shared").mkdir()
    cluster = await start(secret_file=None)
    before = await new_session(cluster, "ann")

    restart(cluster, secret_file=secrets["new"])
    assert await who(cluster, before) == 200
    between = await new_session(cluster, "ann")

    # What lasts is sealed anew, so that the older one can be given up.
    (tmp_path / "shared" / "secret").unlink()
    restart(cluster)
    assert await who(cluster, before) == 401
    assert await who(cluster, between) == 200


async def test_a_secret_that_is_lost_says_what_goes_with_it(start, secrets):
    cluster = await start(secret_file=secrets["old"])
    (gateway,) = cluster.gateways
    assert gateway.stop() == 0
    settings = yaml.safe_load(gateway.config_path.read_text())
    gateway.config_path.write_text(yaml.safe_dump({**settings, "secret_file": secrets["new"]}))

    failed = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "-c", str(gateway.config_path)],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert failed.returncode == 1
    assert "is sealed under another secret: give that secret too, as the last" in failed.stderr
    assert "If it is lost, so are all sessions, API keys, tokens and accounts" in failed.stderr
    assert "To start over, stop the gateway and empty the store" in failed.stderr
