"""What a real directory answers about people: who they are, and who is refused."""

import asyncio
import socket
from contextlib import closing

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.ldap.directory import Directory
from gateway.settings.ldap import LdapSettings
from tests.fixtures.certificates import Authority
from tests.fixtures.slapd import (
    ANN_ID,
    BASE,
    PASSWORD,
    group,
    ldif,
    person,
)

ANN = f"uid=ann,ou=people,{BASE}"
AD_ANN = f"cn=Ann Example,ou=people,{BASE}"


@pytest.fixture
def ask():
    """Make a directory: ``ask(server, **settings)``."""
    made = []

    def make(server, **settings):
        directory = Directory(LdapSettings.model_validate(server.settings(**settings)))
        made.append(directory)
        return directory

    yield make
    for directory in made:
        directory.close()


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"bind_dn": None, "bind_password": None},
        {
            "bind_dn": None,
            "bind_password": None,
            "bind_as": f"uid={{user}},ou=people,{BASE}",
        },
        {"bind_as": f"uid={{user}},ou=people,{BASE}"},
    ],
    ids=["searched", "searched by nobody", "by a template", "by a template, read by an account"],
)
async def test_somebody_is_known_however_the_directory_is_asked(start_slapd, ask, how):
    directory = ask(start_slapd(), **how)

    found = await directory.find("Ann", PASSWORD)

    assert (found.user, found.name, found.email) == ("ann", "Ann Example", "ann@example.com")
    assert set(found.groups) == {"staff", "editors", "unix"}
    assert found.subject not in ("ann", ANN)
    assert (found.issuer, found.provider) == (directory.issuer, "ldap")
    for user, password in (
        ("ann", "wrong"),
        ("ann", ""),
        ("", PASSWORD),
        ("", ""),
        ("eve", PASSWORD),
        ("eve", ""),
        ("ann", PASSWORD + "\0"),
        ("ann\0", PASSWORD),
        ("a" * 5000, PASSWORD),
        ("\ud800", PASSWORD),
        ("ann", "\ud800"),
    ):
        assert await directory.find(user, password) is None, (user, password)


async def test_the_same_person_has_the_same_subject_by_every_way(start_slapd, ask):
    server = start_slapd()
    template = f"uid={{user}},ou=people,{BASE}"
    one = await ask(server).find("ann", PASSWORD)
    other = await ask(server, bind_as=template).find("ANN", PASSWORD)
    renamed = await ask(server, issuer="our directory").find("ann", PASSWORD)

    assert one == other
    assert (renamed.subject, renamed.issuer) == (one.subject, "our directory")


async def test_lldap_lists_the_groups_and_its_people_may_change_their_address(start_slapd, ask):
    server = start_slapd("lldap")
    found = await ask(server, profile="lldap").find("ann", PASSWORD)
    below = await ask(
        server,
        profile="lldap",
        assume_email_verified=True,
        groups={"base": f"OU=groups,{BASE.upper()}"},
    ).find("ann", PASSWORD)

    assert (found.email, found.claims["email_verified"]) == (None, False)
    assert set(found.groups) == {"staff", "editors", "admins"}
    assert below.email == "ann@example.com"
    assert set(below.groups) == {"staff", "editors"}


@pytest.mark.parametrize("typed", ["ann", "ANN", "ann@corp.example.com"])
async def test_active_directory_is_read_by_its_own_names(start_slapd, ask, typed):
    found = await ask(start_slapd("ad"), profile="ad").find(typed, PASSWORD)

    assert (found.user, found.name, found.subject) == ("ann", "Ann E.", ANN_ID)
    assert found.groups == ("staff", "Sales, North")


@pytest.mark.parametrize("typed", ["bob", "box", "box$"])
async def test_disabled_people_and_computers_are_refused(start_slapd, ask, typed):
    assert await ask(start_slapd("ad"), profile="ad").find(typed, PASSWORD) is None


ODD = ["we*ird", "a(b)c", "back\\slash", "com,ma", "plus+", 'quo"te', "#sharp", "ünï", "ann)(uid=*"]


@pytest.mark.parametrize("template", [None, f"uid={{user}},ou=people,{BASE}"])
async def test_what_is_typed_is_always_a_name_and_never_part_of_a_filter_or_a_dn(
    start_slapd, ask, template
):
    people = "".join(
        ldif(
            f"uid={escaped(name)},ou=people,{BASE}",
            *("objectClass: inetOrgPerson", f"uid: {name}", "cn: Odd", "sn: Odd"),
            f"userPassword: {PASSWORD}",
        )
        for name in ODD
    )
    directory = ask(start_slapd(more=people), bind_as=template)

    for name in ODD:
        found = await directory.find(name, PASSWORD)
        assert found is not None, name
        assert found.user == name
    for attack in (
        *("*", "a*", "ann*", "*)(uid=*", "ann)(|(uid=*", "*)(objectClass=*))(&(uid=ann"),
        *("\\61nn", "a\\6en", "ann\\00", "ann\\", "ann,ou=people", "ann+cn=x", " ann", "a nn"),
        *(f"ann,ou=people,{BASE}", "ann)(userPassword=*", "ann)(!(uid=eve)", "an\u00adn", "ann\n"),
    ):
        assert await directory.find(attack, PASSWORD) is None, attack


def escaped(name):
    """`name` in a DN, with every byte as hexadecimal: not by the code that is tested."""
    return "".join(f"\\{it:02x}" for it in name.encode())


@pytest.mark.parametrize("typed", ["ann ", "\uff41nn"])
async def test_a_spelling_that_only_the_directory_takes_for_the_name_is_no_login(
    start_slapd, ask, typed
):
    server = start_slapd()

    assert server.finds(f"(uid={typed})") == 1
    assert await ask(server).find(typed, PASSWORD) is None


async def test_an_empty_password_is_never_sent_though_the_directory_takes_it(start_slapd, ask):
    server = start_slapd()

    assert server.takes(ANN, "")
    for settings in ({}, {"bind_as": f"uid={{user}},ou=people,{BASE}"}):
        assert await ask(server, **settings).find("ann", "") is None


async def test_of_two_entries_with_one_name_nobody_is_signed_in(start_slapd, ask):
    server = start_slapd(more=person("ann", ou="others", password="another"))

    assert await ask(server).find("ann", PASSWORD) is None
    assert await ask(server).find("ann", "another") is None
    narrower = ask(server, base=f"ou=people,{BASE}", groups={"base": BASE})
    assert (await narrower.find("ann", PASSWORD)).user == "ann"


async def test_who_does_not_match_the_filter_is_refused_by_every_way(start_slapd, ask):
    server = start_slapd()
    only_bob = {"filter": "(&(uid={user})(mail=bob@*))"}
    template = {**only_bob, "bind_as": f"uid={{user}},ou=people,{BASE}"}

    for settings in (only_bob, template):
        assert await ask(server, **settings).find("ann", PASSWORD) is None
        assert (await ask(server, **settings).find("bob", PASSWORD)).user == "bob"


async def test_groups_elsewhere_do_not_count_and_others_are_searched_as_told(start_slapd, ask):
    server = start_slapd()
    for groups, wanted in (
        ({"base": f"ou=groups,{BASE}"}, {"staff"}),
        ({"base": f"ou=others,{BASE}"}, {"staff-elsewhere"}),
        ({"filter": "(memberUid={user})"}, set()),
        ({"filter": "(member={dn})", "name": "objectClass"}, {"groupOfNames"}),
    ):
        found = await ask(server, groups=groups).find("bob", PASSWORD)
        assert set(found.groups) == wanted, groups


async def test_more_groups_than_can_be_read_are_none_and_meet_every_deny(start_slapd, ask):
    names = [f"cn=g{number},ou=groups,{BASE}" for number in range(1001)]
    many = person("max", "objectClass: listsGroups", *(f"memberOf: {it}" for it in names))
    few = person("mia", "objectClass: listsGroups", *(f"memberOf: {it}" for it in names[1:]))
    server = start_slapd("lldap", more=many + few)

    found = await ask(server, profile="lldap").find("max", PASSWORD)
    assert (found.groups, found.unreadable) == ((), {"groups"})
    found = await ask(server, profile="lldap").find("mia", PASSWORD)
    assert (len(found.groups), found.unreadable) == (1000, set())


async def test_a_search_that_the_server_cuts_short_is_not_taken_for_all_groups(start_slapd, ask):
    server = start_slapd(options=["sizelimit 2"])

    found = await ask(server).find("ann", PASSWORD)
    assert (found.groups, found.unreadable) == ((), {"groups"})
    found = await ask(server).find("bob", PASSWORD)
    assert (len(found.groups), found.unreadable) == (2, set())


async def test_what_is_set_wrong_is_no_wrong_password(start_slapd, ask):
    server = start_slapd()
    for settings in (
        {"bind_password": "wrong"},
        {"bind_dn": f"cn=eve,{BASE}"},
        {"base": "dc=example,dc=org"},
        {"subject": "employeeNumber"},
        {"user": "employeeNumber", "filter": "(uid={user})"},
        {"groups": {"base": f"ou=gone,{BASE}"}},
    ):
        with pytest.raises(ProviderUnavailableError):
            await ask(server, **settings).find("ann", PASSWORD)


@pytest.mark.parametrize("shape", ["ldaps", "starttls"])
async def test_a_private_authority_is_trusted_if_it_is_named_and_no_other(
    start_slapd, ask, tmp_path, shape
):
    server = start_slapd()
    tls = {"url": server.tls_url} if shape == "ldaps" else {"start_tls": True}
    own, other = server.authority.cert, Authority(tmp_path / "other", "other").cert

    assert (await ask(server, **tls, ca_file=own).find("ann", PASSWORD)).user == "ann"
    for settings in ({"ca_file": other}, {}):
        with pytest.raises(ProviderUnavailableError, match="certificate verify failed"):
            await ask(server, **tls, **settings).find("ann", PASSWORD)
    # Its certificate is for 127.0.0.1.
    named = {**tls, "url": (server.tls_url if shape == "ldaps" else server.url)}
    named["url"] = named["url"].replace("127.0.0.1", "localhost")
    with pytest.raises(ProviderUnavailableError, match="certificate verify failed"):
        await ask(server, **named, ca_file=own).find("ann", PASSWORD)


async def test_without_starttls_no_password_leaves(start_slapd, ask):
    """A server in between that takes StartTLS away gets nothing."""
    server = start_slapd()
    heard = []

    async def refuse(reader, writer):
        heard.append(await reader.read(4096))
        # RFC 4511, section 4.12: an extended response with protocolError.
        writer.write(bytes.fromhex("300c02010178070a010204000400"))
        heard.append(await reader.read(4096))
        writer.close()

    between = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = between.sockets[0].getsockname()[1]
    url = f"ldap://127.0.0.1:{port}"
    with pytest.raises(ProviderUnavailableError):
        await ask(server, url=url, start_tls=True).find("ann", PASSWORD)
    between.close()
    await between.wait_closed()

    assert b"1.3.6.1.4.1.1466.20037" in heard[0]
    assert PASSWORD.encode() not in b"".join(heard)


async def test_a_directory_that_is_down_or_does_not_answer_is_an_error(start_slapd, ask):
    server = start_slapd()
    directory = ask(server, timeout=1)
    server.pause()
    with pytest.raises(ProviderUnavailableError):
        await directory.find("ann", PASSWORD)
    server.stop()
    with pytest.raises(ProviderUnavailableError):
        await directory.find("ann", PASSWORD)
    server.start()
    assert (await directory.find("ann", PASSWORD)).user == "ann"


async def test_a_server_that_accepts_and_says_nothing_is_an_error(start_slapd, ask):
    server = start_slapd()
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        for url, more in ((f"ldap://127.0.0.1:{port}", {}), (f"ldaps://127.0.0.1:{port}", {})):
            with pytest.raises(ProviderUnavailableError):
                await ask(server, url=url, timeout=1, **more).find("ann", PASSWORD)


async def test_a_referral_is_not_followed(start_slapd, ask):
    elsewhere = asyncio.Event()

    async def note(_reader, writer):
        elsewhere.set()
        writer.close()

    other = await asyncio.start_server(note, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    to = f"ref: ldap://127.0.0.1:{port}/ou=people,{BASE}"
    referral = ldif(
        f"ou=far,{BASE}", "objectClass: referral", "objectClass: extensibleObject", "ou: far", to
    )
    server = start_slapd(more=referral)

    assert (await ask(server).find("ann", PASSWORD)).user == "ann"
    with pytest.raises(ProviderUnavailableError):
        await ask(server, base=f"ou=far,{BASE}").find("ann", PASSWORD)
    other.close()
    await other.wait_closed()
    assert not elsewhere.is_set()


async def test_asking_again_tells_who_the_person_is_by_now(start_slapd, ask):
    server = start_slapd()
    directory = ask(server)
    before = await directory.find("ann", PASSWORD)
    assert await directory.ask_again(before) == before

    server.replace(ANN, cn="Ann Other", mail="other@example.com")
    server.change(f"dn: {ANN}\nchangetype: modrdn\nnewrdn: uid=anna\ndeleteoldrdn: 1\n")
    after = await directory.ask_again(before)
    # The groups have the old DN and the old name.
    assert (after.user, after.name, after.email) == ("anna", "Ann Other", "other@example.com")
    assert after.groups == ()
    assert after.subject == before.subject

    server.remove(f"uid=anna,ou=people,{BASE}")
    assert await directory.ask_again(before) is None
    server.change(person("ann").replace("\n", "\nchangetype: add\n", 1))
    # Somebody else, who was given the name.
    assert (await directory.find("ann", PASSWORD)).subject != before.subject
    assert await directory.ask_again(before) is None
    server.stop()
    with pytest.raises(ProviderUnavailableError):
        await directory.ask_again(before)


async def test_asking_again_sees_who_was_disabled_or_matches_no_more(start_slapd, ask):
    server = start_slapd("ad")
    directory = ask(server, profile="ad", filter="(&(sAMAccountName={user})(mail=*@example.com))")
    before = await directory.find("ann", PASSWORD)
    assert await directory.ask_again(before) == before

    server.replace(AD_ANN, userAccountControl="514")
    assert await directory.ask_again(before) is None
    server.replace(AD_ANN, userAccountControl="512")
    assert await directory.ask_again(before) == before
    server.replace(AD_ANN, mail="ann@example.org")
    assert await directory.ask_again(before) is None


async def test_the_account_that_searches_is_tried_alone(start_slapd, ask):
    server = start_slapd()
    assert await ask(server).try_searcher() == 2
    assert await ask(server, filter="(uid={user})", base=ANN).try_searcher() == 1
    assert await ask(server, base=f"ou=services,{BASE}").try_searcher() == 0
    with pytest.raises(ProviderUnavailableError, match="refused"):
        await ask(server, bind_password="wrong").try_searcher()


async def test_a_group_with_an_odd_name_is_named_as_it_is(start_slapd, ask):
    server = start_slapd(more=group("a\\, b", ANN).replace("cn: a\\, b", "cn: a, b"))
    assert "a, b" in (await ask(server).find("ann", PASSWORD)).groups
