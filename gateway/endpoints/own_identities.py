"""The account page's section for identities at providers, and for giving up the password."""

from collections.abc import Mapping, Set
from dataclasses import replace
from hashlib import sha256

from gateway.accounts.account import Account, Subject
from gateway.accounts.manager import Accounts
from gateway.accounts.ways_in import LastWayInError, WaysIn, can_sign_in, linked
from gateway.endpoints.account_section import Told
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_here, require_fresh
from gateway.endpoints.linking import Linking
from gateway.endpoints.own_act import own_act
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session
from gateway.wording import phrase

_LINK, _UNLINK, _RETIRE = "link", "unlink", "retire_password"


class OwnIdentities:
    """Links and unlinks identities of people with a local account.

    People without one do not see it: whoever leaves the organisation that runs their provider must
    not have linked another one.
    """

    name = "identities"

    def __init__(self, deps: Deps, accounts: Accounts, linking: Linking) -> None:
        self._deps = deps
        self._accounts = accounts
        self._linking = linking
        self._ways = WaysIn(accounts)

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """The identities and providers; None without providers or without a local account."""
        account = (await self._account(session))[1]
        providers = self._deps.providers
        if account is None or not providers or account.local is None:
            return None
        known = {issuer for issuer, _ in linked(account)}
        return {
            "linked": [self._row(account, it) for it in linked(account)],
            "providers": [
                name for name, it in providers.items() if known.isdisjoint(it.registration.issuers)
            ],
            "has_password": account.password is not None,
            "can_retire": can_sign_in(replace(account, password=None), self._deps.issuers),
            "prove_anew_url": None,
            "refused": None,
        }

    def takes(self, fields: Set[str]) -> bool:
        """``link`` with a provider, ``unlink`` with an identity, or ``retire_password``."""
        return fields in ({_LINK}, {_UNLINK}, {_RETIRE})

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | Told | None:
        """Begin to link; or remove a way to sign in, and end the account's other sessions."""
        try:
            require_fresh(session, self._deps.clock())
            if _LINK in form:
                provider = self._deps.providers.get(form[_LINK])
                gone = Told(404, {"refused": phrase("This provider is not there any more.")})
                return await self._linking.begin(request, session, provider) if provider else gone
            account = await self._remove(request, session, form.get(_UNLINK))
        except SignInTooOldError as error:
            anew = prove_anew_here(request, session)
            return Told(error.status, {"prove_anew_url": anew})
        except LastWayInError as error:
            told = phrase(
                "It is the last way to sign in to your account, or names you in the apps."
            )
            return Told(error.status, {"refused": told})
        if account is not None:
            await self._deps.all_sessions.end_others_of(account.subjects, session.session_id)
        return None

    async def _remove(
        self, request: Request, session: Session, which: str | None
    ) -> Account | None:
        deps = self._deps
        account_id, account = await self._account(session)
        if which is None:
            async with own_act(deps, request, session, "password.retire"):
                return await self._ways.retire_password(account_id, deps.issuers)
        found = () if account is None else linked(account)
        subject = next((it for it in found if _key(it) == which), None)
        # If it is not linked any more, the result is as requested.
        if subject is None:
            return None
        async with own_act(deps, request, session, "identity.unlink", target_id=subject[1]):
            return await self._ways.unlink(account_id, subject, deps.issuers)

    def _row(self, account: Account, subject: Subject) -> Mapping[str, object]:
        seen = account.as_seen(*subject)
        names = (
            name
            for name, it in self._deps.providers.items()
            if subject[0] in it.registration.issuers
        )
        is_name = account.seen[0].subject_key() == subject
        return {
            "id": _key(subject),
            "provider": next(names, subject[0]),
            "who": subject[1] if seen is None else seen.email or seen.name or subject[1],
            "can_unlink": not is_name and can_sign_in(account.without(subject), self._deps.issuers),
        }

    async def _account(self, session: Session) -> tuple[str, Account | None]:
        return await self._accounts.locate(session.identity.account_id or "")


def _key(subject: Subject) -> str:
    return sha256("\n".join(subject).encode()).hexdigest()[:16]
