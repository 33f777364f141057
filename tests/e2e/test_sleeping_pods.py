"""A logout token that one gateway takes holds at a gateway that slept meanwhile."""

import pytest
import yaml

from tests.e2e.raw import admin
from tests.e2e.signed_in import ask, browser, sign_in, start_cluster
from tests.e2e.test_sign_out import BACK_CHANNEL, OK, at_the_provider
from tests.patience import until

STORES = {"redis": "start_redis_server", "postgresql": "start_postgres_server"}


@pytest.mark.parametrize("store", STORES)
async def test_a_session_that_ended_while_the_pod_slept_is_over_when_it_wakes(
    store, request, gateway_process, start_oidc_provider, raw_upstream, tmp_path
):
    upstream = await raw_upstream(OK)
    cluster = start_cluster(
        gateway_process,
        start_oidc_provider(),
        upstream.url,
        tmp_path,
        count=2,
        client=BACK_CHANNEL,
        store=request.getfixturevalue(STORES[store])().url,
    )
    pod = cluster.gateways[1]

    async def status(cookie):
        return (await ask(cookie, "GET", f"{pod.base_url}/page", cluster.origin))[0]

    async with browser() as first, browser() as second:
        ann = await sign_in(first, cluster, "ann")
        bob = await sign_in(second, cluster, "bob")
        # The pod keeps both in its memory, too.
        assert [await status(it) for it in (ann, bob)] == [200, 200]
        pod.stop()

        await at_the_provider(first, cluster, ann)

    cluster.gateways[0].wait_for_audit(route="gatepost", method="POST", status=200)
    pod = gateway_process(yaml.safe_load(pod.config_path.read_text()))

    async def is_ready():
        return (await admin(pod, "/readyz")).status == 200

    await until(is_ready)
    assert [await status(it) for it in (ann, bob)] == [401, 200]
