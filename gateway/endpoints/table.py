"""Finds the gateway's own endpoint for a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gateway import responses
from gateway.authserver.server import AuthServer
from gateway.credentials.email_change import EmailChanges
from gateway.credentials.forgotten import Forgotten
from gateway.credentials.invitations import Invitations
from gateway.credentials.local import Local
from gateway.endpoints.account import Account
from gateway.endpoints.account_connected import ConnectedSection
from gateway.endpoints.account_keys import KeySection
from gateway.endpoints.account_launcher import LauncherSection
from gateway.endpoints.account_passkeys import PasskeySection
from gateway.endpoints.account_section import Section
from gateway.endpoints.account_sessions import SessionSection
from gateway.endpoints.authorization_server import AuthorizationServer
from gateway.endpoints.authorize import AUTHORIZE_PATH, CONSENT_PATH, Authorize
from gateway.endpoints.callback import Callback
from gateway.endpoints.client_registration import ClientRegistration
from gateway.endpoints.code_step import CODE_PATH
from gateway.endpoints.cross_origin import from_anywhere
from gateway.endpoints.deps import Deps, Handler
from gateway.endpoints.desk.administrators import Administrators
from gateway.endpoints.desk.sections import build_desk
from gateway.endpoints.device_authorization import (
    DEVICE_AUTHORIZATION_PATH,
    DEVICE_PATH,
    DeviceAuthorization,
)
from gateway.endpoints.device_page import DevicePage
from gateway.endpoints.email_change import EmailChange
from gateway.endpoints.end_session import END_SESSION_PATH, EndSession
from gateway.endpoints.forgot import Forgot
from gateway.endpoints.introspection import Introspection
from gateway.endpoints.invitation import InvitationPage
from gateway.endpoints.key_set import KeySetEndpoint, key_set_answer
from gateway.endpoints.language import LanguageChoice
from gateway.endpoints.linking import Linking
from gateway.endpoints.local_sign_in import LocalSignIn
from gateway.endpoints.logout import Logout
from gateway.endpoints.own_email import OwnEmail
from gateway.endpoints.own_identities import OwnIdentities
from gateway.endpoints.own_keys import OwnKeys
from gateway.endpoints.own_passkeys import OwnPasskeys
from gateway.endpoints.own_password import OwnPassword
from gateway.endpoints.own_second_factor import OwnSecondFactor
from gateway.endpoints.own_secrets import OwnSecrets
from gateway.endpoints.own_sessions import OwnSessions
from gateway.endpoints.passkey_sign_in import PasskeySignIn
from gateway.endpoints.provider_logout import ProviderLogout
from gateway.endpoints.reset import Reset
from gateway.endpoints.revocation import Revocation
from gateway.endpoints.scripts import serve_script
from gateway.endpoints.setup import Setup
from gateway.endpoints.sign_in import SignIn
from gateway.endpoints.strict import ANYTHING, FORM, JSON, NamedHandler, strict, strict_named
from gateway.endpoints.token import TokenEndpoint
from gateway.endpoints.token_clients import TokenClients
from gateway.endpoints.userinfo import Userinfo
from gateway.endpoints.whoami import Whoami
from gateway.errors import GatewayError
from gateway.message.public_url import OWN_PREFIX
from gateway.message.request import Request
from gateway.message.response import FieldList, Response

_SESSIONS = f"{OWN_PREFIX}/api/sessions"
_KEYS = f"{OWN_PREFIX}/api/keys"
_PASSKEYS = f"{OWN_PREFIX}/api/passkeys"
# Of one form on the account page, scopes aside.
_FORM_FIELDS = 20


@dataclass(frozen=True, slots=True)
class NoEndpoint:
    """Why no endpoint takes a request."""

    status: int
    reason: str
    fields: FieldList = ()

    def answer(self, request: Request) -> Response:
        """The response that says so."""
        return responses.problem(request, self.status, self.reason, fields=self.fields)


_UNKNOWN = NoEndpoint(404, "no-route")

Methods = Mapping[str, Handler]
NamedMethods = Mapping[str, NamedHandler]


class Endpoints:
    """Everything under ``/_gatepost``; nothing there reaches an upstream.

    A GatewayError becomes its response here, so clients cannot cause an exception.
    """

    def __init__(self, exact: Mapping[str, Methods], named: Mapping[str, NamedMethods]) -> None:
        """Use `exact` paths, and `named` ones whose last segment is passed to the handler."""
        self._exact = exact
        self._named = named

    def find(self, method: str, path: str) -> Handler | NoEndpoint:
        """The handler for `path`, without the path of the public URL."""
        methods = self._exact.get(path)
        if methods is None:
            folder, _, name = path.rpartition("/")
            named = self._named.get(folder) if name else None
            if named is None:
                return _UNKNOWN
            methods = {key: partial(handler, name) for key, handler in named.items()}
        handler = methods.get(method)
        if handler is None:
            allowed = ", ".join(sorted(methods))
            return NoEndpoint(405, "method-not-allowed", (("Allow", allowed),))
        return partial(_guarded, handler)


async def _guarded(handler: Handler, request: Request, body: bytes) -> Response:
    try:
        return await handler(request, body)
    except GatewayError as error:
        return responses.for_error(request, error)


def build_endpoints(deps: Deps) -> Endpoints:
    """The endpoints over `deps`."""
    logout = Logout(deps)
    own, from_provider = OwnSessions(deps, logout), ProviderLogout(deps, logout)
    own_keys = None if deps.keys is None else OwnKeys(deps, *deps.keys, own)
    own_passkeys = None if deps.local is None else OwnPasskeys(deps, deps.local, own)
    sign_in = SignIn(deps)
    linking = _linking(deps, sign_in)
    administrators = Administrators(deps)
    account = _account(deps, logout, own, own_keys, own_passkeys, linking, administrators)
    of_sign_in, sign_in_named = _of_sign_in(deps, sign_in, linking)
    keys, keys_named = _of_keys(own_keys)
    passkeys, passkeys_named = _of_passkeys(own_passkeys)
    desk, desk_named = build_desk(deps, administrators)
    return Endpoints(
        exact={
            **of_sign_in,
            responses.LANGUAGE_PATH: {"POST": strict(LanguageChoice(deps).choose, FORM)},
            responses.LOGOUT_PATH: {**_looked_at(logout.ask), "POST": strict(logout.end, ANYTHING)},
            responses.ACCOUNT_PATH: {
                **_looked_at(account.show),
                "POST": strict(account.change, FORM),
            },
            _SESSIONS: {**_looked_at(own.show), "DELETE": strict(own.end_every)},
            **keys,
            **passkeys,
            **desk,
            **_of_tokens(deps, logout),
            f"{OWN_PREFIX}/whoami": _looked_at(Whoami(deps).tell),
            f"{OWN_PREFIX}/.well-known/jwks.json": _looked_at(KeySetEndpoint(deps.key_set).serve),
        },
        named={
            **sign_in_named,
            f"{OWN_PREFIX}/backchannel-logout": {"POST": from_provider.back_channel},
            f"{OWN_PREFIX}/frontchannel-logout": {"GET": from_provider.front_channel},
            _SESSIONS: {"DELETE": strict_named(own.end_one)},
            **keys_named,
            **passkeys_named,
            **desk_named,
        },
    )


def _linking(deps: Deps, sign_in: SignIn) -> Linking | None:
    # Without local accounts nobody needs it, see OwnIdentities.
    if deps.local is None or deps.accounts is None:
        return None
    return Linking(deps, deps.accounts, sign_in)


def _account(
    deps: Deps,
    logout: Logout,
    own: OwnSessions,
    keys: OwnKeys | None,
    passkeys: OwnPasskeys | None,
    linking: Linking | None,
    administrators: Administrators,
) -> Account:
    sections: list[Section] = []
    if deps.launcher is not None:
        sections.append(LauncherSection(deps, deps.launcher))
    sections.append(SessionSection(own, logout, deps.clock, deps.country_of))
    if deps.token_clients is not None:
        sections.append(ConnectedSection(own))
    if keys is not None:
        sections.append(KeySection(keys, deps.clock))
    if deps.local is not None:
        sections.append(OwnPassword(deps, deps.local))
        sections.append(OwnSecondFactor(deps, deps.local))
        if deps.accounts is not None and deps.outbox is not None:
            sections.append(OwnEmail(deps, deps.local, deps.accounts, deps.outbox))
    if passkeys is not None:
        sections.append(PasskeySection(passkeys))
    if linking is not None and deps.accounts is not None:
        sections.append(OwnIdentities(deps, deps.accounts, linking))
    if deps.accounts is not None:
        sections.append(OwnSecrets(deps, deps.accounts, deps.account_secrets))
    scopes = 0 if keys is None else len(keys.rules.grantable_scopes)
    return Account(deps, own, sections, _FORM_FIELDS + scopes, administrators)


def _looked_at(handler: Handler) -> Methods:
    return {"GET": handler, "HEAD": handler}


def _of_sign_in(
    deps: Deps, sign_in: SignIn, linking: Linking | None
) -> tuple[Mapping[str, Methods], Mapping[str, NamedMethods]]:
    callback = Callback(deps, sign_in, linking)
    local = _of_local(deps, sign_in)

    async def login(name: str, request: Request, _body: bytes) -> Response:
        return await sign_in.login(request, name)

    async def receive(name: str, request: Request, body: bytes) -> Response:
        return await callback.receive(request, name, body)

    exact = {
        **local,
        responses.SIGN_IN_PATH: {
            **_looked_at(sign_in.choose),
            **local.get(responses.SIGN_IN_PATH, {}),
        },
        responses.FRAGMENT_SCRIPT_PATH: _looked_at(serve_script("keep-fragment")),
        responses.COME_AGAIN_SCRIPT_PATH: _looked_at(serve_script("come-again")),
        responses.COPY_SCRIPT_PATH: _looked_at(serve_script("copy")),
        responses.TIMES_SCRIPT_PATH: _looked_at(serve_script("times")),
        responses.SIGNED_IN_PATH: _looked_at(sign_in.arrived),
    }
    return exact, {
        f"{OWN_PREFIX}/login": {"GET": login, "HEAD": login},
        # Not HEAD: a code works once, and a mere check of the link must not use it up.
        f"{OWN_PREFIX}/callback": {"GET": receive, "POST": receive},
    }


def _of_local(deps: Deps, sign_in: SignIn) -> dict[str, Methods]:
    local = deps.local
    if local is None:
        return {}
    setup, reset, passkey = Setup(deps, local), Reset(deps, local), PasskeySignIn(deps, local)
    signs_in = LocalSignIn(deps, local, sign_in)
    return {
        responses.SIGN_IN_PATH: {"POST": strict(signs_in.enter, FORM)},
        CODE_PATH: {
            **_looked_at(signs_in.start_again),
            "POST": strict(signs_in.enter_code, FORM),
        },
        **_of_mail(deps, local),
        f"{responses.SIGN_IN_PATH}/passkey/options": {"POST": strict(passkey.options)},
        f"{responses.SIGN_IN_PATH}/passkey": {"POST": strict(passkey.enter, JSON)},
        responses.PASSKEY_SCRIPT_PATH: _looked_at(serve_script("passkeys")),
        responses.SETUP_PATH: {**_looked_at(setup.show), "POST": strict(setup.make, FORM)},
        responses.RESET_PATH: {**_looked_at(reset.show), "POST": strict(reset.change, FORM)},
    }


def _of_mail(deps: Deps, local: Local) -> dict[str, Methods]:
    """What people reach by a link: an invitation, and all that needs a mail server."""
    accounts, outbox = deps.accounts, deps.outbox
    if accounts is None:
        return {}
    invited = InvitationPage(deps, local, Invitations(accounts, local.accounts))
    found: dict[str, Methods] = {
        responses.INVITATION_PATH: {
            **_looked_at(invited.show),
            "POST": strict(invited.take_up, FORM),
        }
    }
    if outbox is not None:
        forgot = Forgot(deps, local, Forgotten(accounts, local.accounts), outbox)
        email = EmailChange(deps, EmailChanges(accounts), outbox)
        found[responses.FORGOT_PATH] = {**_looked_at(forgot.show), "POST": strict(forgot.ask, FORM)}
        found[responses.EMAIL_PATH] = {
            **_looked_at(email.show),
            "POST": strict(email.confirm, FORM),
        }
    return found


def _of_keys(own: OwnKeys | None) -> tuple[Mapping[str, Methods], Mapping[str, NamedMethods]]:
    if own is None:
        return {}, {}
    exact = {_KEYS: {**_looked_at(own.show), "POST": strict(own.make, JSON)}}
    return exact, {_KEYS: {"DELETE": strict_named(own.revoke_one)}}


def _of_passkeys(
    own: OwnPasskeys | None,
) -> tuple[Mapping[str, Methods], Mapping[str, NamedMethods]]:
    if own is None:
        return {}, {}
    exact = {
        _PASSKEYS: {**_looked_at(own.show), "POST": strict(own.add, JSON)},
        f"{_PASSKEYS}/options": {"POST": strict(own.options)},
    }
    return exact, {_PASSKEYS: {"DELETE": strict_named(own.remove_one)}}


def _of_openid(
    deps: Deps, server: AuthServer, clients: TokenClients, logout: Logout
) -> dict[str, Methods]:
    """The endpoints of an OpenID provider, apart from ``authorize`` and ``token``."""
    userinfo, end_session = Userinfo(clients), EndSession(deps, server, logout)

    async def keys(request: Request, _body: bytes) -> Response:
        return key_set_answer(request, await server.id_token_keys.document())

    return {
        f"{OWN_PREFIX}/jwks": from_anywhere(**_looked_at(keys)),
        f"{OWN_PREFIX}/userinfo": from_anywhere(**_looked_at(userinfo.tell), POST=userinfo.tell),
        END_SESSION_PATH: {**_looked_at(end_session.ask), "POST": end_session.end},
    }


def _of_tokens(deps: Deps, logout: Logout) -> dict[str, Methods]:
    apps, server = deps.apps, deps.auth_server
    keys = None if deps.keys is None else deps.keys[0]
    clients = deps.token_clients
    found: dict[str, Methods] = {}
    if clients is not None or keys is not None:
        sign_ins = None if server is None else server.sign_ins
        found[f"{OWN_PREFIX}/revoke"] = from_anywhere(
            POST=Revocation(clients, keys, sign_ins, deps.journal).revoke
        )
    if keys is not None:
        found[f"{OWN_PREFIX}/introspect"] = {"POST": Introspection(deps, clients, keys).tell}
    if clients is not None:
        token = TokenEndpoint(deps, clients.tokens, apps, server)
        metadata = AuthorizationServer(apps, server, introspects=keys is not None)
        found[f"{OWN_PREFIX}/token"] = from_anywhere(POST=token.grant)
        told = from_anywhere(**_looked_at(metadata.tell))
        found[f"{OWN_PREFIX}/.well-known/oauth-authorization-server"] = told
        if server is not None:
            found[f"{OWN_PREFIX}/.well-known/openid-configuration"] = told
    if server is not None and clients is not None:
        found |= _of_openid(deps, server, clients, logout)
        authorize = Authorize(deps, server)
        # Not HEAD: a mere check of the link must not use up a code.
        found[AUTHORIZE_PATH] = {"GET": authorize.ask, "POST": authorize.ask_by_form}
        found[CONSENT_PATH] = {"POST": strict(authorize.answer, FORM)}
        found |= _of_devices(deps, server)
    if server is not None and server.registrations is not None:
        registration = ClientRegistration(server.registrations)
        found[f"{OWN_PREFIX}/register"] = from_anywhere(POST=registration.register)
    return found


def _of_devices(deps: Deps, server: AuthServer) -> dict[str, Methods]:
    if not server.serves_devices:
        return {}
    page = DevicePage(deps, server)
    return {
        DEVICE_AUTHORIZATION_PATH: {"POST": DeviceAuthorization(deps, server).start},
        DEVICE_PATH: {**_looked_at(page.show), "POST": strict(page.take, FORM)},
    }
