"""Every page of the gateway, and how somebody comes to it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser.visitors import Visitor
from tests.browser.world import World
from tests.fixtures.accounts import PASSWORD

Way = Callable[[World, Visitor], None]


@dataclass(frozen=True, slots=True)
class Row:
    """A page.

    Attributes:
        template: What makes it, in gateway/pages/html.
        heading: How its heading begins; "" for the name of the person.
        way: How to come to it, for somebody whom the gateway does not know.
        shows: Those of `Names` that it shows.
        is_small: Whether it is of the gateway that is not set up.
        status: What it is answered with.
    """

    name: str
    template: str
    heading: str
    way: Way
    shows: tuple[str, ...] = ()
    is_small: bool = False
    status: int = 200


def at(path: str) -> Way:
    """Somebody who goes to `path`."""
    return lambda _, visitor: visitor.open(path)


def as_ann(path: str) -> Way:
    """A person with everything, who goes to `path`."""

    def go(world: World, visitor: Visitor) -> None:
        visitor.become(world.ann)
        visitor.open(path)

    return go


def as_dora(path: str) -> Way:
    """A person of the provider, who goes to `path`."""

    def go(world: World, visitor: Visitor) -> None:
        visitor.become(world.dora)
        visitor.open(path)

    return go


def wrong_password(_: World, visitor: Visitor) -> None:
    visitor.open("/_gatepost/sign-in?return_to=/form")
    visitor.send(username="nobody", password="not a password")


def code_step(_: World, visitor: Visitor) -> None:
    visitor.open("/_gatepost/sign-in?return_to=/form")
    visitor.send(username="cy", password=PASSWORD)


def wrong_code(world: World, visitor: Visitor) -> None:
    code_step(world, visitor)
    visitor.send(code="00000")


def asked_for_a_link(_: World, visitor: Visitor) -> None:
    visitor.open("/_gatepost/forgot")
    visitor.send(name="nobody@example.com")


def reset(world: World, visitor: Visitor) -> None:
    visitor.open(world.links["reset"])


def refused_reset(world: World, visitor: Visitor) -> None:
    reset(world, visitor)
    visitor.send(password="password12")


def invitation(world: World, visitor: Visitor) -> None:
    visitor.open(world.links["invitation"])


def confirm_email(world: World, visitor: Visitor) -> None:
    link = world.email_link
    visitor.become(world.signed_in("bob"))
    visitor.open(link)


def set_up(world: World, visitor: Visitor) -> None:
    visitor.open(f"/_gatepost/setup?token={world.setup_token}")


def refused_set_up(_: World, visitor: Visitor) -> None:
    visitor.open("/")
    visitor.send(token="no such token", username="ann", password=PASSWORD)


def consent(world: World, visitor: Visitor) -> None:
    visitor.become(world.dora)
    visitor.open(world.authorize_path())


def consent_to_a_stranger(world: World, visitor: Visitor) -> None:
    visitor.become(world.dora)
    visitor.open(world.authorize_path(world.registered_client, "http://127.0.0.1/callback", "/mcp"))


def device_with_a_code(world: World, visitor: Visitor) -> None:
    visitor.become(world.dora)
    visitor.open(f"/_gatepost/device?user_code={world.device_code()}")


def wrong_device_code(world: World, visitor: Visitor) -> None:
    visitor.become(world.dora)
    visitor.open("/_gatepost/device")
    visitor.send(user_code="BCDF-BCDF")


def device_question(world: World, visitor: Visitor) -> None:
    device_with_a_code(world, visitor)
    visitor.send(user_code=world.device_code())


def device_allowed(world: World, visitor: Visitor) -> None:
    device_question(world, visitor)
    visitor.send("answer", "allow")


def device_denied(world: World, visitor: Visitor) -> None:
    device_question(world, visitor)
    visitor.send("answer", "deny")


def signed_out(world: World, visitor: Visitor) -> None:
    visitor.become(world.signed_in("bob"))
    visitor.open("/_gatepost/logout")
    visitor.send()


def looping(world: World, visitor: Visitor) -> None:
    visitor.open("/_gatepost/login/zitadel?return_to=/form")
    visitor.send(login=world.login, password="any")
    visitor.send()
    for _ in range(3):
        visitor.open("/_gatepost/login/zitadel?return_to=/form")


def kept_form(_: World, visitor: Visitor) -> None:
    visitor.open("/form")
    visitor.send(text="Owls")


def lost_form(_: World, visitor: Visitor) -> None:
    visitor.open("/form/plain")
    visitor.send(text="Owls")


def new_key(world: World, visitor: Visitor) -> None:
    as_ann("/_gatepost/account")(world, visitor)
    visitor.send("create_key", "1", key_name=world.names.key)


def refused_password(world: World, visitor: Visitor) -> None:
    as_ann("/_gatepost/account")(world, visitor)
    visitor.send(old_password="not it at all", new_password="password12")


def second_factor(world: World, visitor: Visitor) -> None:
    as_ann("/_gatepost/account")(world, visitor)
    visitor.send("second_factor", "set-up")


def recovery_codes(world: World, visitor: Visitor) -> None:
    visitor.become(world.protected)
    visitor.open("/_gatepost/account")
    visitor.send("second_factor", "renew")


def mailed(world: World, visitor: Visitor) -> None:
    visitor.become(world.signed_in("bob"))
    visitor.open("/_gatepost/account")
    visitor.send(new_email="bob@another.example.com")


def at_desk(path: str) -> Way:
    """The administrator, who looks at what others have done."""

    def go(world: World, visitor: Visitor) -> None:
        assert world.dora
        visitor.become(world.ann)
        visitor.open(f"/_gatepost/admin/{path}")

    return go


def after_a_refusal(path: str) -> Way:
    """The administrator, right after somebody was refused."""

    def go(world: World, visitor: Visitor) -> None:
        as_dora("/admin")(world, visitor)
        at_desk(path)(world, visitor)

    return go


def desk_account(world: World, visitor: Visitor) -> None:
    at_desk(f"accounts/{world.account_id('ann')}")(world, visitor)


def desk_new_key(world: World, visitor: Visitor) -> None:
    at_desk("keys")(world, visitor)
    visitor.send("create_key", "1", user="bob", name=world.names.key)


def desk_invited(world: World, visitor: Visitor) -> None:
    at_desk("invitations")(world, visitor)
    visitor.send(email="zoe@example.com", roles="editor")


def desk_explained(world: World, visitor: Visitor) -> None:
    at_desk("explain")(world, visitor)
    visitor.send(path="/admin", user="bob")


ROWS = (
    Row("sign-in", "sign-in", "Sign in", at("/_gatepost/sign-in?return_to=/x"), ("brand", "label")),
    Row("sign-in-wrong", "sign-in", "Sign in", wrong_password, ("brand", "label"), status=401),
    Row("code", "sign-in-code", "Enter a code", code_step),
    Row("code-wrong", "sign-in-code", "Enter a code", wrong_code, status=401),
    Row("setup", "setup", "Set up", set_up, is_small=True),
    Row("setup-refused", "setup", "Set up", refused_set_up, is_small=True, status=403),
    Row("forgot", "forgot", "Forgot", at("/_gatepost/forgot"), ("brand",)),
    Row("forgot-asked", "forgot", "Look into", asked_for_a_link),
    Row("reset", "reset", "Choose a new", reset),
    Row("reset-refused", "reset", "Choose a new", refused_reset, status=400),
    Row("invitation", "invitation", "Welcome", invitation),
    Row("email", "email", "Confirm your", confirm_email),
    Row("consent", "consent", "Allow", consent, ("client", "name")),
    Row("consent-stranger", "consent", "Allow", consent_to_a_stranger, ("client", "name")),
    Row("device", "device", "Sign in on", as_dora("/_gatepost/device")),
    Row("device-code", "device", "Sign in on", device_with_a_code),
    Row("device-wrong", "device", "Sign in on", wrong_device_code, status=400),
    Row(
        "device-consent",
        "device-consent",
        "Allow",
        device_question,
        ("device_client", "device_name", "name"),
    ),
    Row("device-allowed", "device-done", "You are signed in", device_allowed, ("device_client",)),
    Row("device-denied", "device-done", "Not allowed", device_denied, ("device_client",)),
    Row("logout", "logout", "Sign out?", as_dora("/_gatepost/logout"), ("name",)),
    Row("signed-out", "signed-out", "You are signed out", signed_out),
    Row("signed-in", "signed-in", "You are signed in", as_dora("/_gatepost/signed-in"), ("name",)),
    Row("looping", "sign-in-loop", "The sign-in is looping", looping, status=508),
    Row("kept-form", "kept-form", "Sign-in required", kept_form, status=401),
    Row("lost-form", "kept-form", "Sign-in required", lost_form, status=401),
    Row(
        "not-allowed",
        "problem",
        "Not allowed",
        as_dora("/admin"),
        ("name", "user", "link"),
        status=403,
    ),
    Row("no-page", "problem", "", at("/_gatepost/nothing"), status=404),
    Row("old-link", "problem", "", at("/_gatepost/reset?token=x"), status=404),
    Row("unreachable", "problem", "The app cannot", at("/down"), status=502),
    Row("starting", "starting", "The app is", at("/asleep"), status=503),
    Row(
        "account",
        "account",
        "",
        as_ann("/_gatepost/account"),
        ("brand", "passkey", "key", "email", "other_device"),
    ),
    Row(
        "account-plain",
        "account",
        "",
        as_dora("/_gatepost/account"),
        ("user", "name", "email", "group", "device", "app", "description"),
    ),
    Row("account-key", "account", "", new_key, ("key",), status=201),
    Row("account-refused", "account", "", refused_password, status=400),
    Row("account-mailed", "account", "", mailed),
    Row("account-factor", "account", "", second_factor),
    Row("account-codes", "account", "", recovery_codes),
    Row("desk-overview", "desk-overview", "Overview", after_a_refusal("overview"), ("user",)),
    Row(
        "desk-accounts", "desk-accounts", "Accounts", at_desk("accounts"), ("user", "name", "email")
    ),
    Row("desk-account", "desk-account", "", desk_account, ("key", "name")),
    Row("desk-invitations", "desk-invitations", "Invitations", at_desk("invitations")),
    Row("desk-invited", "desk-invitations", "Invitations", desk_invited, status=201),
    Row("desk-sessions", "desk-sessions", "Sessions", at_desk("sessions"), ("user", "device")),
    Row("desk-keys", "desk-keys", "API keys", at_desk("keys"), ("user", "key")),
    Row("desk-new-key", "desk-keys", "API keys", desk_new_key, ("key",), status=201),
    Row("desk-apps", "desk-apps", "Apps", at_desk("apps"), ("client", "device_client")),
    Row(
        "desk-requests",
        "desk-access-requests",
        "Requests",
        at_desk("access-requests"),
        ("user", "name", "email", "app"),
    ),
    Row("desk-routes", "desk-routes", "Routes", at_desk("routes")),
    Row("desk-refusals", "desk-refusals", "Refusals", after_a_refusal("refusals"), ("user",)),
    Row("desk-explain", "desk-explain", "Explain", at_desk("explain")),
    Row("desk-explained", "desk-explain", "Explain", desk_explained),
    Row("desk-shadows", "desk-shadows", "Shadow rules", at_desk("shadows"), ("user",)),
    Row("desk-configuration", "desk-configuration", "Configuration", at_desk("configuration")),
    Row("desk-journal", "desk-journal", "Activity", at_desk("journal"), ("key", "passkey")),
)
