"""The desk's section for invitations: how a colleague gets an account."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from gateway import responses
from gateway.accounts.account import Invitation
from gateway.accounts.desk import AccountDesk, Found
from gateway.accounts.errors import NoSuchInvitationError
from gateway.accounts.owner import fold_email
from gateway.credentials.invitations import Invitations
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.given import email_address, listed, one_line
from gateway.endpoints.desk.section import PAGE, Asked, BadCallError, Page, Section
from gateway.errors import GatewayError
from gateway.mail.letters import Letters
from gateway.message.response import Response
from gateway.record.journal import Target
from gateway.wording import phrase

_OPTIONAL = frozenset({"account", "issuer", "roles", "groups", "mail"})
_FORM = frozenset({"email", "roles", "groups"})
_WHICH = frozenset({"account", "email", "issuer"})


@dataclass(frozen=True, slots=True)
class _Made:
    """An invitation that was made.

    Attributes:
        link: Where a user name and password are chosen; None if only a provider's identity can
            take the invitation up.
        mailed: Whether the link was sent.
        unsent: Why it was not sent though it should have been.
    """

    found: Found
    email: str
    link: str | None
    mailed: bool = False
    unsent: str | None = None


class InvitationsSection:
    """Makes, lists and takes back invitations."""

    def __init__(self, deps: Deps, desk: AccountDesk, links: Invitations | None) -> None:
        """`links` is None without local accounts: then people only sign in at a provider."""
        self._deps = deps
        self._desk = desk
        self._links = links

    def section(self) -> Section:
        """The section."""
        return Section(
            "invitations",
            page=Page("desk-invitations", self._shown, self._changed),
            calls={
                "GET invitations": self._listed,
                "POST invitations": self._posted,
                "POST invitations/withdraw": self._withdrawn,
            },
        )

    async def invite(self, asked: Asked, given: Mapping[str, object]) -> _Made:
        """Invite an address to a new account or to one that there is.

        Raises:
            GatewayError: Something given is wrong, or the sign-in is too old.
        """
        email = email_address(given.get("email"))
        account, issuer = given.get("account") or None, given.get("issuer") or ""
        name = None if account is None else one_line("the account", account)
        issuer = one_line("the issuer", issuer) if issuer else ""
        roles = listed("a role", given.get("roles") or [])
        groups = listed("a group", given.get("groups") or [])
        wants_mail = given.get("mail", self._deps.outbox is not None)
        if not isinstance(wants_mail, bool):
            raise BadCallError("mail must be true or false")
        asked.who.require_fresh(self._deps.clock())
        async with self._deps.journal.act(
            asked.who.actor, "invitation.create", Target(name=email), asked.request
        ) as acting:
            found = await self._desk.invite(email, name, issuer, roles, groups)
            acting.target = Target.of_account(found.account_id, found.account, email)
            link = await self._link(asked, found.account_id, email)
        return await self._mailed(found, email, link, wants_mail)

    async def _link(self, asked: Asked, account_id: str, email: str) -> str | None:
        token = None if self._links is None else await self._links.token(account_id, email)
        if token is None:
            return None
        return f"{asked.request.public_url}{responses.INVITATION_PATH}?token={token}"

    async def _mailed(self, found: Found, email: str, link: str | None, wants_mail: bool) -> _Made:
        outbox = self._deps.outbox
        if link is None or outbox is None or not wants_mail:
            return _Made(found, email, link)
        try:
            await outbox.send(Letters(outbox.host).invitation(email, link))
        except GatewayError as error:
            # The invitation stands: the administrator can pass on the link.
            return _Made(found, email, link, unsent=str(error))
        return _Made(found, email, link, mailed=True)

    async def withdraw(self, asked: Asked, account_id: str, email: str, issuer: str) -> None:
        """Take an invitation back.

        Raises:
            GatewayError: There is none.
        """
        found = await self._desk.find(account_id)
        if Invitation(fold_email(email), issuer) not in found.account.invitations:
            raise NoSuchInvitationError(phrase("It was taken up or taken back."))
        target = Target.of_account(found.account_id, found.account, email)
        async with self._deps.journal.act(
            asked.who.actor, "invitation.withdraw", target, asked.request
        ):
            await self._desk.withdraw(account_id, email, issuer)

    # Page.

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        found = await self._desk.inviting(asked.after, PAGE)
        return {
            "rows": [row for it in found for row in _rows(it)],
            "next_query": urlencode({"after": found[-1].account_id})
            if len(found) == PAGE
            else None,
            "has_local": self._links is not None,
            "home_url": asked.request.public_url,
            "made": None,
            "given": {},
        }

    async def _changed(self, asked: Asked) -> Told | None:
        form = asked.form
        if form.keys() == _FORM:
            made = await self.invite(asked, form)
            return Told(201, {"made": made})
        if form.keys() == _WHICH:
            await self.withdraw(asked, form["account"], form["email"], form["issuer"])
            return None
        if form.keys() == _WHICH | {"again"}:
            given = {name: form[name] for name in _WHICH}
            return Told(201, {"made": await self.invite(asked, given)})
        raise BadCallError("an unknown form")

    # Calls.

    async def _listed(self, asked: Asked) -> Response:
        found = await self._desk.inviting(asked.after, PAGE)
        last = found[-1].account_id if len(found) == PAGE else None
        items = [
            _described(it, invitation) for it in found for invitation in it.account.invitations
        ]
        return asked.answer(200, {"items": items, "next": last})

    async def _posted(self, asked: Asked) -> Response:
        given = asked.json()
        if not {"email"} <= given.keys() <= {"email"} | _OPTIONAL:
            raise BadCallError("send {email, account, issuer, roles, groups, mail}")
        made = await self.invite(asked, given)
        about = {"account": made.found.account_id, "email": made.email, "link": made.link}
        told = {**about, "mailed": made.mailed, "unsent": made.unsent}
        return asked.answer(201, told)

    async def _withdrawn(self, asked: Asked) -> Response:
        """``POST invitations/withdraw`` of ``{account, email, issuer}``, as the list has them."""
        given = asked.json()
        if not {"account", "email"} <= given.keys() <= _WHICH:
            raise BadCallError("send {account, email, issuer}")
        account = one_line("the account", given["account"])
        issuer = given.get("issuer") or ""
        issuer = one_line("the issuer", issuer) if issuer else ""
        await self.withdraw(asked, account, email_address(given["email"]), issuer)
        return asked.done()


def _described(found: Found, invitation: Invitation) -> dict[str, object]:
    return {
        "account": found.account_id,
        "email": invitation.email,
        "issuer": invitation.issuer,
        "user": found.account.user,
        "roles": list(found.account.roles),
        "groups": list(found.account.groups),
        "created_at": found.account.created_at or None,
    }


def _rows(found: Found) -> list[dict[str, object]]:
    made = found.account.created_at or None
    return [{**_described(found, it), "made": made} for it in found.account.invitations]
