import asyncio

import pytest

from gateway.errors import StoreUnavailableError
from gateway.sessions import Limits, ProviderTokens
from gateway.sessions.session import with_tokens
from gateway.storage.sqlite import SqliteStore
from tests.patience import PATIENCE_S
from tests.sessions.conftest import SECRET, make_identity

ISSUER = "https://id.example.com"
UNKNOWN = "A" * 64


async def test_a_new_session_is_recalled_at_once(manager, sign_in, clock, store):
    cookie, session = await sign_in(manager)
    store.calls.clear()

    assert manager.recall(cookie, clock.now) is session
    assert session.identity.user == "alice"
    assert session.identity.session_id == session.session_id
    assert session.identity.expires_at == int(clock.now) + 7 * 86400
    assert store.calls == []


async def test_another_worker_loads_it_once_and_then_recalls_it(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, session = await sign_in(manager)

    assert other.recall(cookie, clock.now) is None
    loaded = await other.load(cookie, clock.now)
    assert loaded == session
    assert other.recall(cookie, clock.now) is loaded


@pytest.mark.parametrize("cookie", ["", UNKNOWN, "A" * 63, "é" * 64, "\udcff" * 64, "A" * 10**6])
async def test_an_unknown_cookie_is_nobody_and_writes_nothing(manager, store, clock, cookie):
    store.calls.clear()

    assert manager.recall(cookie, clock.now) is None
    assert await manager.load(cookie, clock.now) is None
    assert await manager.end(cookie) is None
    assert set(store.calls) <= {"get", "take"}


async def test_the_right_id_with_a_wrong_key_is_nobody_and_hurts_nobody(
    manager, make_manager, sign_in, clock
):
    cookie, session = await sign_in(manager)
    forged = cookie[:-1] + ("A" if cookie[-1] != "A" else "B")

    assert manager.recall(forged, clock.now) is None
    assert await manager.load(forged, clock.now) is None
    assert manager.recall(cookie, clock.now) is session


@pytest.mark.parametrize(("elapsed_s", "live"), [(99.9, True), (100, False), (100.1, False)])
async def test_an_idle_session_ends(make_manager, sign_in, clock, elapsed_s, live):
    manager = await make_manager(limits=Limits(idle_s=100, absolute_s=1000))
    other = await make_manager(limits=Limits(idle_s=100, absolute_s=1000))
    cookie, _ = await sign_in(manager)
    clock.now += elapsed_s

    assert (await manager.load(cookie, clock.now) is not None) is live
    assert (await other.load(cookie, clock.now) is not None) is live
    assert (manager.recall(cookie, clock.now) is not None) is live


@pytest.mark.parametrize(("last_s", "live"), [(9.9, True), (10, False), (10.1, False)])
async def test_a_busy_session_ends_too(make_manager, sign_in, clock, last_s, live):
    manager = await make_manager(limits=Limits(idle_s=100, absolute_s=1000))
    cookie, _ = await sign_in(manager)
    for _ in range(99):
        clock.now += 10
        assert manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)
        await manager.upkeep()
    clock.now += last_s

    assert (manager.recall(cookie, clock.now) is not None) is live
    assert (await manager.load(cookie, clock.now) is not None) is live


@pytest.mark.parametrize(
    ("limits", "elapsed_s"),
    [(Limits(idle_s=100, absolute_s=1000), 100), (Limits(idle_s=50, absolute_s=50), 50)],
)
async def test_a_record_that_is_left_in_the_store_past_its_limits_opens_nothing(
    manager, make_manager, sign_in, clock, store, limits, elapsed_s
):
    cookie, session = await sign_in(manager)
    other = await make_manager(limits=limits)
    assert await other.load(cookie, clock.now) is not None
    clock.now += elapsed_s

    assert await store.get(f"session:{session.session_id}") is not None  # Nothing was swept.
    assert other.recall(cookie, clock.now) is None
    assert other.peek(cookie, clock.now) is None
    assert await other.load(cookie, clock.now) is None
    assert await other.look_up(cookie, clock.now) is None
    assert await other.list_all() == []


async def test_uses_keep_it_alive_on_every_worker(make_manager, sign_in, clock):
    limits = Limits(idle_s=100, absolute_s=10_000)
    one, other = await make_manager(limits=limits), await make_manager(limits=limits)
    cookie, _ = await sign_in(one)
    for _ in range(5):
        for _ in range(9):
            clock.now += 10
            assert one.recall(cookie, clock.now) or await one.load(cookie, clock.now)
            await one.upkeep()
        assert await other.load(cookie, clock.now) is not None


async def test_a_busy_session_costs_hardly_any_round_trips(manager, sign_in, clock, store):
    cookie, _ = await sign_in(manager)
    store.calls.clear()
    requests = 0
    for _ in range(3600):
        clock.now += 1
        for _ in range(10):
            requests += 1
            assert manager.recall(cookie, clock.now) is not None
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert len(store.calls) / requests < 0.01
    assert 55 <= store.calls.count("compare_and_swap") <= 62
    assert (await manager.list_for("alice"))[0].last_seen_at > clock.now - 61


async def test_a_load_is_shared_by_those_who_wait_and_survives_the_first(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    store.calls.clear()
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(other.load(cookie, clock.now)) for _ in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert {session.session_id for session in found[1:]} == {found[1].session_id}
    assert store.calls == ["get"]


async def test_ending_holds_on_every_worker(manager, make_manager, sign_in, clock):
    others = [await make_manager() for _ in range(2)]
    heard = []
    for worker in (manager, *others):
        worker.on_end(heard.append)
    revoked = []
    for worker in (manager, *others):
        worker.on_revoke(revoked.append)
    cookie, session = await sign_in(manager)
    for other in others:
        await other.load(cookie, clock.now)

    ended = await others[0].end(cookie)

    assert (ended.session_id, ended.refresh_token) == (session.session_id, "rt-alice")
    assert (ended.info.user, ended.cause) == ("alice", "ended")
    assert revoked == [ended]
    assert heard == [session.session_id] * 3
    for worker in (manager, *others):
        assert worker.recall(cookie, clock.now) is None
        assert await worker.load(cookie, clock.now) is None
    assert await manager.end(session) is None


async def test_a_listener_can_leave_and_one_that_fails_stops_nobody(manager, sign_in, caplog):
    heard = []

    def fail(_):
        raise RuntimeError("not today")

    manager.on_end(fail)
    manager.on_end(heard.append)
    leave = manager.on_end(heard.append)
    leave()
    leave()
    _, session = await sign_in(manager)
    await manager.end(session)

    assert heard == [session.session_id]
    assert "not today" in caplog.text


async def test_ending_by_subject_sid_and_user(manager, sign_in, clock):
    cookies = {}
    for user, sid in [("alice", "s1"), ("alice", "s2"), ("bob", "s1"), ("bob", None)]:
        cookies[user, sid], _ = await sign_in(manager, user, sid=sid)

    def living():
        return {k for k, cookie in cookies.items() if manager.recall(cookie, clock.now)}

    assert await manager.list_by_sid("https://other.example.com", "s1") == []
    assert await manager.end_all("https://other.example.com", "alice-subject") == []
    assert len(living()) == 4
    ended = await manager.end_these(await manager.list_by_sid(ISSUER, "s1"))
    assert {it.info.user for it in ended} == {"alice", "bob"}
    assert living() == {("alice", "s2"), ("bob", None)}
    assert len(await manager.end_all(ISSUER, "alice-subject")) == 1
    assert living() == {("bob", None)}
    assert len(await manager.end_for("bob")) == 1
    assert living() == set()
    assert await manager.count() == 0


async def test_a_sign_in_ends_the_sessions_the_browser_came_with(manager, sign_in, clock):
    revoked = []
    manager.on_revoke(revoked.append)
    first, _ = await sign_in(manager, "mallory")
    second, _ = await sign_in(manager, "alice", replaces=first)
    third, _ = await sign_in(manager, "alice", replaces=(first, second, "junk", UNKNOWN))

    assert len({first, second, third}) == 3
    assert await manager.load(first, clock.now) is None
    assert await manager.load(second, clock.now) is None
    assert manager.recall(third, clock.now) is not None
    assert [(e.info.user, e.cause) for e in revoked] == [
        ("mallory", "replaced"),
        ("alice", "replaced"),
    ]


@pytest.mark.parametrize(("most", "left"), [(0, 5), (1, 1), (3, 3), (9, 5)])
async def test_the_oldest_end_where_there_may_be_only_so_many(
    make_manager, sign_in, clock, most, left
):
    limits = Limits(idle_s=1000, absolute_s=5000, max_per_user=most)
    manager, other = await make_manager(limits=limits), await make_manager(limits=limits)
    bob, _ = await sign_in(manager, "bob")
    cookies = []
    for number in range(5):
        clock.now += 1
        cookies.append((await sign_in(manager if number % 2 else other))[0])

    living = [await manager.load(cookie, clock.now) is not None for cookie in cookies]
    assert living == [False] * (5 - left) + [True] * left
    assert await manager.load(bob, clock.now) is not None


async def test_sessions_are_listed_the_last_used_first(manager, sign_in, clock):
    began_at = clock.now
    for user in ("alice", "bob", "alice"):
        await sign_in(manager, user)
        clock.now += 10

    listed = await manager.list_for("alice")
    assert [info.created_at for info in listed] == [began_at + 20, began_at]
    assert (listed[0].kind, listed[0].ip, listed[0].device, listed[0].provider) == (
        "browser",
        "192.0.2.1",
        "Firefox on Linux",
        "zitadel",
    )
    assert len(await manager.list_all()) == await manager.count() == 3
    clock.now += 8 * 3600
    assert await manager.list_all() == []


async def test_while_the_store_is_down_live_sessions_go_on_and_unknown_ones_are_not_told_off(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    for worker in (manager, other):
        worker.contact.set_grace(3600)
    cookie, session = await sign_in(manager)
    store.down = True
    for _ in range(20):
        clock.now += 30
        found = manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)
        assert found is session
    with pytest.raises(StoreUnavailableError):
        await other.load(cookie, clock.now)
    with pytest.raises(StoreUnavailableError):
        await manager.load(UNKNOWN, clock.now)
    with pytest.raises(StoreUnavailableError):
        await manager.end(cookie)
    store.down = False

    assert await manager.load(cookie, clock.now) == session
    await manager.upkeep()
    assert (await other.list_for("alice"))[0].last_seen_at == clock.now


@pytest.mark.parametrize("seen_s", [0, 3000])
@pytest.mark.parametrize("grace_s", [0, 10, 60, 600])
async def test_without_the_store_a_session_goes_on_for_the_time_of_grace_only(
    manager, sign_in, clock, store, grace_s, seen_s
):
    manager.contact.set_grace(grace_s)
    cookie, session = await sign_in(manager)
    clock.now += seen_s  # Until then messages would have told of its end.
    store.down = True
    store.lose_contact()

    async def find():
        return manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)

    began_at = clock.now
    while clock.now < began_at + grace_s:
        assert await find() is session
        clock.now += 0.7
    clock.now = began_at + grace_s
    for _ in range(3):
        assert manager.peek(cookie, clock.now) is None
        with pytest.raises(StoreUnavailableError):
            await find()
        clock.now += 100
    store.down = False

    assert await find() == session


async def test_the_time_of_grace_counts_from_the_first_answer_that_fails(
    manager, sign_in, clock, store
):
    cookie, session = await sign_in(manager)
    store.down = True  # And messages seem to come.
    clock.now += 60
    assert await manager.load(cookie, clock.now) is session
    clock.now += 59.9
    assert await manager.load(cookie, clock.now) is session
    clock.now += 0.1

    assert manager.recall(cookie, clock.now) is None
    with pytest.raises(StoreUnavailableError):
        await manager.load(cookie, clock.now)


async def test_a_store_that_comes_and_goes_gives_no_new_time_of_grace(
    manager, sign_in, clock, store
):
    cookie, session = await sign_in(manager)
    store.down = True
    store.lose_contact()
    for _ in range(5):
        clock.now += 10
        store.lose_messages()  # They come again, but nothing is answered before
        assert await manager.load(cookie, clock.now) is session
        store.lose_contact()  # they stop.
    clock.now += 10

    assert manager.recall(cookie, clock.now) is None
    with pytest.raises(StoreUnavailableError):
        await manager.load(cookie, clock.now)


async def test_without_messages_the_store_s_answers_count(manager, sign_in, clock, store):
    manager.contact.set_grace(10)
    cookie, session = await sign_in(manager)
    store.lose_contact()
    for _ in range(20):
        clock.now += 10
        assert manager.recall(cookie, clock.now) is None
        assert await manager.load(cookie, clock.now) is session
        assert manager.recall(cookie, clock.now + 9.9) is session


async def test_a_session_ended_elsewhere_is_over_when_the_time_of_grace_is(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    await other.load(cookie, clock.now)
    get, store.mute = store.get, True
    store.lose_contact()
    await manager.end(cookie)

    async def cut_off(_):
        raise StoreUnavailableError("no route")

    store.get = cut_off
    assert other.recall(cookie, clock.now) is not None  # Nobody could tell.
    clock.now += 60
    with pytest.raises(StoreUnavailableError):
        await other.load(cookie, clock.now)
    store.get = get
    store.lose_messages()

    assert await other.load(cookie, clock.now) is None


async def test_while_the_store_is_down_it_is_not_asked_at_every_request(
    manager, sign_in, clock, store
):
    cookie, _ = await sign_in(manager)
    store.down = True
    clock.now += 60
    store.calls.clear()
    for _ in range(100):
        clock.now += 0.01
        assert manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)

    assert store.calls.count("get") <= 2


async def test_while_the_store_is_down_the_limits_still_hold(make_manager, sign_in, clock, store):
    manager = await make_manager(limits=Limits(idle_s=100, absolute_s=1000))
    cookie, _ = await sign_in(manager)
    store.down = True
    clock.now += 100

    assert manager.recall(cookie, clock.now) is None
    with pytest.raises(StoreUnavailableError):
        await manager.load(cookie, clock.now)


async def test_a_store_that_fails_ends_nothing_halfway(manager, sign_in, clock, store):
    cookie, _ = await sign_in(manager)
    store.down = True
    with pytest.raises(StoreUnavailableError):
        await manager.end(cookie)
    with pytest.raises(StoreUnavailableError):
        await sign_in(manager)
    store.down = False

    assert manager.recall(cookie, clock.now) is not None
    assert await manager.count() == 1


async def test_a_lost_message_is_made_up_for_within_a_minute(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    heard = []
    other.on_end(heard.append)
    cookie, session = await sign_in(manager)
    await other.load(cookie, clock.now)
    store.mute = True
    await manager.end(cookie)

    assert other.recall(cookie, clock.now) is not None
    clock.now += 30
    assert other.recall(cookie, clock.now) is not None  # Looked up again in the background,
    await other.upkeep()
    assert other.recall(cookie, clock.now) is None  # and known to be over.
    assert heard == [session.session_id]


async def test_a_session_long_unchecked_is_looked_up_before_it_is_used(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    await other.load(cookie, clock.now)
    store.mute = True
    await manager.end(cookie)
    clock.now += 60

    assert other.recall(cookie, clock.now) is None
    assert await other.load(cookie, clock.now) is None


async def test_a_message_that_could_not_be_sent_is_sent_later(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    await other.load(cookie, clock.now)
    publish, failing = store.publish, True

    async def flaky(channel, message):
        if failing:
            raise StoreUnavailableError("told to fail")
        await publish(channel, message)

    store.publish = flaky
    assert await manager.end(cookie) is not None
    assert other.recall(cookie, clock.now) is not None
    failing = False
    await manager.upkeep()

    assert other.recall(cookie, clock.now) is None


async def test_a_load_under_way_does_not_bring_an_ended_session_back(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, _ = await sign_in(manager)
    read, go_on = asyncio.Event(), asyncio.Event()
    get = store.get

    async def slow(key):
        data = await get(key)
        read.set()
        await go_on.wait()
        return data

    store.get = slow
    load = asyncio.get_running_loop().create_task(other.load(cookie, clock.now))
    await read.wait()
    await manager.end(cookie)
    go_on.set()

    assert await load is None
    assert other.recall(cookie, clock.now) is None


async def test_a_touch_does_not_bring_an_ended_session_back(manager, sign_in, clock, store):
    cookie, _ = await sign_in(manager)
    clock.now += 59
    manager.recall(cookie, clock.now)
    clock.now += 2
    store.mute = True
    await store.take((await store.find("sessions"))[0][0])
    await manager.upkeep()

    assert await manager.count() == 0
    assert manager.recall(cookie, clock.now) is None


async def test_a_clock_set_back_ends_no_session_and_makes_none_immortal(
    make_manager, sign_in, clock
):
    limits = Limits(idle_s=1000, absolute_s=5000)
    manager, other = await make_manager(limits=limits), await make_manager(limits=limits)
    cookie, _ = await sign_in(manager)
    clock.now -= 600

    assert manager.recall(cookie, clock.now) or await manager.load(cookie, clock.now)
    await manager.upkeep()
    assert (await manager.list_for("alice"))[0].last_seen_at == clock.now
    clock.now += 1000
    assert manager.recall(cookie, clock.now) is None
    assert await manager.load(cookie, clock.now) is None
    assert await other.load(cookie, clock.now) is None


async def test_a_session_from_years_ahead_is_over(manager, sign_in, clock):
    cookie, _ = await sign_in(manager)
    clock.now -= 10 * 365 * 86400

    assert manager.recall(cookie, clock.now) is None
    assert await manager.load(cookie, clock.now) is None


def successor_of(session, number=2):
    tokens = ProviderTokens(f"at{number}", f"rt{number}", None, 2_000_000.0)
    return with_tokens(session, make_identity(groups=("new",)), tokens)


async def test_a_successor_takes_the_place_everywhere(manager, make_manager, sign_in, clock):
    other = await make_manager()
    cookie, session = await sign_in(manager)
    await other.load(cookie, clock.now)
    heard = []
    other.on_end(heard.append)

    assert await manager.replace(cookie, session, successor_of(session)) is True
    for worker in (manager, other):
        found = worker.recall(cookie, clock.now) or await worker.load(cookie, clock.now)
        assert found.tokens.access_token == "at2"
        assert found.identity.access_token == "at2"
        assert found.identity.groups == ("new",)
    assert heard == []
    assert (await manager.end(cookie)).refresh_token == "rt2"


async def test_of_two_successors_the_first_stays(manager, make_manager, sign_in, clock):
    other = await make_manager()
    cookie, session = await sign_in(manager)

    assert await other.replace(cookie, session, successor_of(session, 2)) is True
    assert await manager.replace(cookie, session, successor_of(session, 3)) is False
    assert (await manager.load(cookie, clock.now)).tokens.refresh_token == "rt2"


async def test_an_ended_session_has_no_successor(manager, sign_in):
    cookie, session = await sign_in(manager)
    await manager.end(cookie)

    assert await manager.replace(cookie, session, successor_of(session)) is False
    assert await manager.replace("junk", session, successor_of(session)) is False
    assert await manager.replace(UNKNOWN, session, successor_of(session)) is False
    assert await manager.count() == 0


async def test_a_touch_between_does_not_lose_a_successor(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    cookie, session = await sign_in(manager)
    await other.load(cookie, clock.now)
    get, touching = store.get, []

    async def touch_after(key):
        data = await get(key)
        if not touching:
            touching.append(True)
            clock.now += 61
            await other.load(cookie, clock.now)
            await other.upkeep()
        return data

    store.get = touch_after
    assert await manager.replace(cookie, session, successor_of(session)) is True
    assert (await manager.list_for("alice"))[0].last_seen_at == clock.now


async def test_sessions_outlive_a_rotation_of_the_secret(manager, make_manager, sign_in, clock):
    cookie, _ = await sign_in(manager, sid="s1")
    rotated = await make_manager(secrets=(b"n" * 32, SECRET))
    forgotten = await make_manager(secrets=(b"n" * 32,))

    assert await forgotten.load(cookie, clock.now) is None
    assert await rotated.load(cookie, clock.now) is not None
    assert len(await rotated.list_for("alice")) == 1
    clock.now += 60
    await rotated.load(cookie, clock.now)
    await rotated.upkeep()  # The touch moves it under the newest secret.
    assert len(await forgotten.list_for("alice")) == 1
    assert len(await rotated.list_by_sid(ISSUER, "s1")) == 1


async def test_the_cache_is_bounded(make_manager, sign_in, clock):
    manager = await make_manager(max_cached=3)
    cookies = [(await sign_in(manager))[0] for _ in range(5)]

    assert [manager.recall(c, clock.now) is not None for c in cookies] == [False] * 2 + [True] * 3
    assert await manager.load(cookies[0], clock.now) is not None


async def test_a_manager_starts_while_the_store_is_down_and_listens_later(
    manager, make_manager, sign_in, clock, store
):
    store.down = True
    other = await make_manager()
    store.down = False
    await other.upkeep()
    cookie, _ = await sign_in(manager)
    await other.load(cookie, clock.now)
    await manager.end(cookie)

    assert other.recall(cookie, clock.now) is None


async def test_closing_writes_the_last_use_and_may_be_repeated(make_manager, sign_in, clock):
    manager = await make_manager()
    cookie, _ = await sign_in(manager)
    clock.now += 61
    await manager.load(cookie, clock.now)
    await manager.aclose()
    await manager.aclose()

    assert (await manager.list_for("alice"))[0].last_seen_at == clock.now


async def test_workers_on_one_file_hear_of_an_end(make_manager, sign_in, clock, tmp_path):
    stores = [SqliteStore(tmp_path / "gatepost.db", clock) for _ in range(2)]
    workers = []
    for store in stores:
        workers.append(await make_manager(over=store))
    heard = asyncio.Event()
    workers[1].on_end(lambda _: heard.set())
    cookie, _ = await sign_in(workers[0])
    assert await workers[1].load(cookie, clock.now) is not None
    await workers[0].end(cookie)

    async with asyncio.timeout(PATIENCE_S):
        await heard.wait()
    assert workers[1].recall(cookie, clock.now) is None
    for worker, store in zip(workers, stores, strict=True):
        await worker.aclose()
        await store.aclose()


@pytest.mark.parametrize("version", [b"\x00", b"\x02", b""])
async def test_a_record_of_a_version_nobody_reads_is_no_session(
    manager, make_manager, sign_in, clock, store, version
):
    other = await make_manager()
    cookie, session = await sign_in(manager)
    key = f"session:{session.session_id}"
    data = await store.get(key)
    await store.put(key, version + data[1:], ttl_s=100)

    assert await other.load(cookie, clock.now) is None
    assert await other.list_all() == []
    assert (await other.end(cookie)).info is None


async def test_it_is_known_for_a_while_that_a_session_was_signed_out(
    manager, make_manager, sign_in, clock, store
):
    other = await make_manager()
    sessions = [(await sign_in(manager, f"user{n}"))[1] for n in range(3)]
    cookie, replaced = await sign_in(manager)
    await manager.end(sessions[0])
    await other.end_for("user1")
    await sign_in(manager, replaces=cookie)
    assert await manager.end_by_id("f" * 64) is None

    async def left():
        found = [*sessions, replaced]
        return [await other.had_left(it.session_id, it.created_at, clock.now) for it in found]

    assert await left() == [True, True, False, False]
    assert await other.had_left("f" * 64, clock.now, clock.now) is False
    clock.now += 89 * 86400
    assert await left() == [True, True, False, False]
    clock.now += 86400
    await store.sweep(clock.now)
    assert await left() == [True] * 4  # Nobody can tell any more.
    clock.now -= 180 * 86400
    assert await left() == [True] * 4
