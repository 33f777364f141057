"""What a provider says becomes facts, and what cannot be read is marked as such."""

import pytest

from gateway.oidc.claim_look_up import has_claim, look_up
from gateway.oidc.claims import Person, make_identity, merge
from gateway.oidc.errors import UserMissingError
from gateway.oidc.facts import read_facts, wants_userinfo
from gateway.oidc.name_steps import Steps
from gateway.oidc.registration import ClaimNames

MANY = [f"g{number}" for number in range(10_000)]
NAMES = ClaimNames(groups=("groups",), roles=("roles",))


def facts(claims, *, assume=False, **names):
    return read_facts(claims, ClaimNames(**names), assume_email_verified=assume)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sub", "s"),
        ("https://example.com/roles", "url"),
        ("dotted.name", "dots"),
        ("/a/b/0", 1),
        ("/a/b/1", 2),
        ("/a/c~1d", "slash"),
        ("/a/e~0f", "tilde"),
        ("/a/g~01", "order"),
        ("/~1rooted", "rooted"),
        ("/a/", "empty"),
    ],
)
def test_every_claim_can_be_named(name, expected):
    claims = {
        "sub": "s",
        "https://example.com/roles": "url",
        "dotted.name": "dots",
        "/rooted": "rooted",
        "a": {"b": [1, 2], "c/d": "slash", "e~f": "tilde", "g~1": "order", "": "empty"},
    }

    assert look_up(claims, name) == expected


@pytest.mark.parametrize(
    "name",
    ["b", "/b", "/a/2", "/a/-1", "/a/01x", "/a/0/x", "/s/0", "/a/9999999999", "/", "a/0", ""],
)
def test_what_is_not_there_is_not_found(name):
    assert not has_claim({"a": [1], "s": "text"}, name)


@pytest.mark.parametrize(
    ("value", "groups", "readable"),
    [
        ("admins", ("admins",), True),
        ("a b", ("a b",), True),
        (["a", "b"], ("a", "b"), True),
        ([], (), True),
        ({"admin": {"2438": "example.com"}, "editor": {}}, ("admin", "editor"), True),
        ({}, (), True),
        (None, (), True),
        ("", (), True),
        (7, ("7",), True),
        ([1001], ("1001",), True),
        (["a", 7, -1, 1.5], ("a", "7", "-1", "1.5"), True),
        ([10**300], ("1" + "0" * 300,), True),
        (True, (), False),
        ([True], (), False),
        ([float("nan")], (), False),
        ([None], (), False),
        ([{"name": "a"}], (), False),
        ([["a"]], (), False),
        (["a", "b", "a"], ("a", "b"), True),
        (MANY, tuple(MANY), True),
        ([*MANY, "z"], (), False),
    ],
)
def test_groups_and_roles_come_in_several_shapes(value, groups, readable):
    found = facts(
        {"sub": "s", "groups": value, "roles": value}, groups=("groups",), roles=("roles",)
    )

    assert (found.groups, found.roles) == (groups, groups)
    assert found.unreadable == (frozenset() if readable else {"groups", "roles"})


BAD_ITEMS = [
    (["staff", None], frozenset(), "1 of 2 left out: null"),
    ([None, None, "staff"], frozenset(), "2 of 3 left out: null"),
    (["staff", True], {"groups[]"}, "1 of 2 left out: true or false"),
    (["staff", ["a"]], {"groups[]"}, "1 of 2 left out: a list inside the list"),
    (["staff", float("inf")], {"groups[]"}, "1 of 2 left out: a number out of range"),
    (
        [{"id": "x"}, "staff"],
        {"groups[]"},
        "1 of 2 left out: an object; name its member, as in /groups/*/id",
    ),
]


@pytest.mark.parametrize(("value", "unreadable", "fault"), BAD_ITEMS)
def test_a_bad_item_is_left_out_and_the_others_count(value, unreadable, fault):
    found = facts({"sub": "s", "groups": value}, groups=("/no", "groups"))

    assert (found.groups, found.unreadable) == (("staff",), unreadable)
    assert found.faults == (("groups", fault),)


@pytest.mark.parametrize(
    ("value", "groups", "unreadable"),
    [
        ([{"groupId": "A"}, {"groupId": "B", "x": 1}], ("A", "B"), frozenset()),
        ([{"groupId": 1001}], ("1001",), frozenset()),
        ([], (), frozenset()),
        ([{"groupId": "A"}, {"x": 1}], ("A",), {"groups[]"}),
        ([{"groupId": "A"}, "B"], ("A",), {"groups[]"}),
        ([{"groupId": "A"}, {"groupId": None}], ("A",), frozenset()),
        ([{"x": 1}], (), {"groups"}),
        ({"x": {"groupId": "A"}, "*": {"groupId": "B"}}, ("A", "B"), frozenset()),
        ({}, (), frozenset()),
        (None, (), frozenset()),
        ("", (), frozenset()),
        ("A", (), {"groups"}),
        (True, (), {"groups"}),
        ([["A"]], (), {"groups"}),
        ([{"groupId": ["A"]}, {"groupId": "B"}], ("B",), {"groups[]"}),
    ],
)
def test_a_pointer_may_name_a_member_of_each_object(value, groups, unreadable):
    found = facts({"sub": "s", "groups": value}, groups=("/groups/*/groupId",))

    assert (found.groups, found.unreadable) == (groups, unreadable)


def test_lists_in_lists_are_one_list():
    claims = {
        "orgs": [{"teams": [{"id": "a"}, {"id": "b"}]}, {"teams": []}, {"teams": [{"id": "c"}]}]
    }

    assert facts(claims, groups=("/orgs/*/teams/*/id",)).groups == ("a", "b", "c")


@pytest.mark.parametrize(
    ("split", "value", "groups"),
    [
        ("", "admins,staff", ("admins,staff",)),
        (",", "admins,staff", ("admins", "staff")),
        (",", " admins, staff ,,", ("admins", "staff")),
        (" ", "admins  staff", ("admins", "staff")),
        (",", ",", ()),
        (",", ["a,b"], ("a,b",)),
        (",", 7, ("7",)),
    ],
)
def test_one_text_is_split_by_choice(split, value, groups):
    claims = {"sub": "s", "groups": value, "roles": value}
    steps = Steps(split=split)
    found = facts(claims, groups=("groups",), roles=("roles",), group_steps=steps, role_steps=steps)

    assert (found.groups, found.roles, found.unreadable) == (groups, groups, frozenset())


@pytest.mark.parametrize(
    ("steps", "value", "groups"),
    [
        (Steps(prefix="hub:"), ["a", 7], ("hub:a", "hub:7")),
        (Steps(mapped={"1-guid": ("admins",)}), ["1-guid", "x"], ("admins", "x")),
        (Steps(mapped={"1-guid": ("admins",)}, drops_unmapped=True), ["1-guid", "x"], ("admins",)),
        (Steps(mapped={"a": ("x", "y"), "b": ("y",)}), ["a", "b"], ("x", "y")),
        # Not mapped twice.
        (Steps(mapped={"a": ("b",), "b": ("c",)}), ["a", "b"], ("b", "c")),
        (Steps(split=",", mapped={"a": ("x",)}, prefix="p/"), "a, b", ("p/x", "p/b")),
        # The prefix comes last, so the map has the provider's names.
        (Steps(mapped={"p/a": ("x",)}, prefix="p/"), ["a"], ("p/a",)),
        (Steps(fold_case=True, mapped={"acme/ops": ("ops",)}), ["ACME/Ops", "B"], ("ops", "b")),
        # What lower() would make a k, and an i with a dot.
        (Steps(fold_case=True), ["\u212a", "\u0130", "Ä"], ("\u212a", "\u0130", "Ä")),
        # A control character makes another name, and is never cut off.
        (Steps(mapped={"a": ("admins",)}), ["a\n", "a\0", " a"], ("a\n", "a\0", " a")),
        (Steps(split=","), "a\n,b\0c", ("a", "b\0c")),
    ],
)
def test_names_go_through_steps_in_their_order(steps, value, groups):
    found = facts({"groups": value, "roles": value}, groups=("groups",), group_steps=steps)

    assert (found.groups, found.roles, found.unreadable) == (groups, (), frozenset())


@pytest.mark.parametrize("value", [[["a"]], [{"a": 1}, True], [*MANY, "a"], True])
def test_no_step_makes_readable_what_is_not(value):
    steps = Steps(split=",", mapped={"a": ("admins",)}, drops_unmapped=True, prefix="p:")

    found = facts({"groups": value}, groups=("groups",), group_steps=steps)

    assert (found.groups, found.unreadable) == ((), {"groups"})
    mixed = facts({"groups": ["a", "b", ["a"]]}, groups=("groups",), group_steps=steps)
    assert (mixed.groups, mixed.unreadable) == (("p:admins",), {"groups[]"})


@pytest.mark.parametrize(
    "claims",
    [
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}},
        {"hasgroups": True},
        {"hasgroups": "true"},
    ],
)
def test_groups_kept_elsewhere_are_unreadable(claims):
    found = facts({"sub": "s", **claims}, groups=("groups",))

    assert (found.groups, found.unreadable) == ((), {"groups"})


def test_groups_kept_elsewhere_and_here_are_read_here():
    claims = {"groups": ["a"], "_claim_names": {"groups": "src1"}}

    assert facts(claims, groups=("groups",)).unreadable == frozenset()


@pytest.mark.parametrize(
    ("claims", "email", "unreadable"),
    [
        ({"email": "a@b", "email_verified": True}, "a@b", False),
        ({"email": "a@b", "email_verified": "true"}, None, True),
        ({"email": "a@b", "email_verified": False}, None, False),
        ({"email": "a@b", "email_verified": "false"}, None, False),
        ({"email": "a@b", "email_verified": None}, None, False),
        ({"email": "a@b"}, None, False),
        ({"email": "a@b", "email_verified": 1}, None, True),
        ({"email": "a@b", "email_verified": "yes"}, None, True),
        ({"email": ["a@b"], "email_verified": True}, None, True),
        ({"email": "a@evil@corp.com", "email_verified": True}, None, True),
        ({"email": "a@b.", "email_verified": True}, None, True),
        ({"email": " a@b", "email_verified": True}, None, True),
        ({"email": "a\t@b", "email_verified": True}, None, True),
        ({"email": "a\u200e@b", "email_verified": True}, None, True),
        ({"email": "a@b.", "email_verified": False}, None, True),
        ({"email_verified": True}, None, False),
    ],
)
def test_an_email_counts_only_when_marked_verified(claims, email, unreadable):
    found = facts({"sub": "s", **claims})

    assert found.email == email
    assert ("email" in found.unreadable) is unreadable


def test_what_is_no_address_is_not_taken_for_one_whoever_is_trusted():
    names = {"user": ("email", "sub"), "email": ("email",)}

    found = facts({"sub": "s", "email": "a@b."}, assume=True, **names)
    assert (found.user, found.email, found.unreadable) == ("s", None, {"email"})


@pytest.mark.parametrize(
    ("mark", "email"),
    [("true", "a@b"), (True, "a@b"), ("True", None), ("1", None), ("false", None), (None, None)],
)
def test_a_provider_that_quotes_the_mark_is_known_by_its_profile(mark, email):
    claims = {"sub": "s", "email": "a@b", "email_verified": mark}

    assert facts(claims, email=("email",), verified_as_text=True).email == email


def test_the_mark_vouches_for_no_other_claim():
    claims = {"sub": "s", "upn": "victim@example.com", "email": "me@b", "email_verified": True}

    assert facts(claims, email=("upn",)).email is None
    assert facts(claims, email=("upn", "email")).email is None
    assert facts(claims, email=("/email",)).email == "me@b"
    assert facts(claims, email=("upn",), assume=True).email == "victim@example.com"


def test_a_user_named_by_an_email_needs_it_verified():
    names = {"user": ("email", "sub"), "email": ("email",)}

    assert facts({"sub": "s", "email": "a@b"}, **names).user == "s"
    assert facts({"sub": "s", "email": "a@b", "email_verified": True}, **names).user == "a@b"
    assert facts({"sub": "s", "email": "a@b"}, assume=True, **names).user == "a@b"
    assert facts({"email": "a@b"}, user=("/email",)).user is None


def test_the_first_name_that_is_there_counts():
    claims = {"name": "", "preferred_username": None, "nickname": "al"}

    assert facts(claims, name=("name", "preferred_username", "nickname")).name == "al"


@pytest.mark.parametrize("sub", [7, ["x"], {"x": 1}, True])
def test_a_user_that_is_no_text_is_none(sub):
    found = facts({"sub": sub})

    assert (found.user, "user" in found.unreadable) == (None, True)


class TestMerge:
    def test_what_is_signed_counts(self):
        assert merge({"a": 1, "b": 1}, {"b": 2, "c": 2}) == {"a": 1, "b": 1, "c": 2}

    @pytest.mark.parametrize(
        ("id_token", "userinfo", "email", "verified"),
        [
            (("old@b", None), ("new@b", True), "old@b", None),
            (("old@b", False), ("new@b", True), "old@b", False),
            (("a@b", None), ("a@b", True), "a@b", True),
            (("a@b", False), ("a@b", True), "a@b", False),
            ((None, True), ("new@b", None), "new@b", None),
            ((None, None), ("new@b", True), "new@b", True),
            (("a@b", True), (None, None), "a@b", True),
            (("a@b", None), (None, True), "a@b", None),
            (("", True), ("new@b", None), "new@b", None),
        ],
    )
    def test_the_mark_of_one_source_never_vouches_for_the_address_of_the_other(
        self, id_token, userinfo, email, verified
    ):
        def claims(pair):
            named = dict(zip(("email", "email_verified"), pair, strict=True))
            return {name: value for name, value in named.items() if value is not None}

        merged = merge(claims(id_token), claims(userinfo))

        assert merged.get("email") == email
        assert merged.get("email_verified") == verified


class TestMakeIdentity:
    def make(self, person, **changes):
        values = {
            "provider": "p",
            "issuer": "https://id",
            "names": NAMES,
            "assume_email_verified": False,
            "scopes": frozenset(),
            **changes,
        }
        return make_identity(person, **values)

    def test_how_and_when_is_taken_from_what_is_signed_only(self):
        identity = self.make(
            Person({"sub": "s", "iat": 100}, {"acr": "gold", "amr": ["otp"], "auth_time": 99})
        )

        assert (identity.acr, identity.amr, identity.authenticated_at) == (None, (), None)

    @pytest.mark.parametrize(
        ("claims", "expected"),
        [
            ({"amr": "pwd"}, ("pwd",)),
            ({"amr": ["pwd", 7]}, ("pwd",)),
            ({"amr": 7}, ()),
        ],
    )
    def test_amr_is_a_list(self, claims, expected):
        assert self.make(Person({"sub": "s", **claims}, {})).amr == expected

    @pytest.mark.parametrize("auth_time", ["99", True, -5, 1e300, None])
    def test_an_odd_time_is_none(self, auth_time):
        identity = self.make(Person({"sub": "s", "auth_time": auth_time}, {}))

        assert identity.authenticated_at is None

    def test_after_a_failed_userinfo_what_is_missing_is_unreadable(self):
        identity = self.make(Person({"sub": "s", "groups": []}, {}, userinfo_failed=True))

        assert identity.unreadable == {"email", "name", "roles", "*"}

    def test_without_a_user_there_is_none(self):
        with pytest.raises(UserMissingError):
            self.make(Person({"sub": "s"}, {}), names=ClaimNames(user=("login", "/a/b")))


@pytest.mark.parametrize(
    ("claims", "wanted", "expected"),
    [
        (
            {"email": "a@b", "email_verified": True, "name": "n", "groups": [], "roles": []},
            (),
            False,
        ),
        ({"email": "a@b", "name": "n", "groups": [], "roles": []}, (), True),
        ({"email": "a@b", "email_verified": True, "name": "n", "groups": []}, (), True),
        (
            {"email": "a@b", "email_verified": True, "name": "n", "groups": [], "roles": []},
            ("/dept",),
            True,
        ),
    ],
)
def test_userinfo_is_wanted_where_something_is_missing(claims, wanted, expected):
    found = wants_userinfo(
        {"sub": "s", **claims}, NAMES, assume_email_verified=False, wanted=wanted
    )

    assert found is expected
