"""Combines several credentials in one request: all are judged, and one identity results."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.authn.authenticator import (
    NOT_PRESENTED,
    Authenticated,
    Authenticator,
    NotPresented,
    Outcome,
    Pending,
    Rejected,
)
from gateway.authn.unrecognised import API_KEY, AUTHORIZATION, refuse_unrecognised
from gateway.message.request import Request
from gateway.model import Identity

# Fields that can carry a credential; the configured API key field is added to these.
GUARDED: Final[tuple[bytes, ...]] = (AUTHORIZATION, API_KEY)


def judge_all(
    request: Request,
    authenticators: Sequence[Authenticator],
    guarded: tuple[bytes, ...] = GUARDED,
) -> Outcome | Pending:
    """Judge the credentials in `request` from memory, or return how to continue.

    Args:
        request: The request.
        authenticators: Those the route accepts, in order of precedence.
        guarded: Fields in which an unrecognised credential is refused; empty if the route
            passes foreign credentials on to the app.
    """
    refused = refuse_unrecognised(request, authenticators, guarded)
    if refused is not None:
        return refused
    asked = _not_absent(request, authenticators)
    if len(asked) == 1:
        # The other ones found nothing, so there is nothing to combine it with.
        return asked[0].judge(request)
    found: Outcome = NOT_PRESENTED
    presented: list[Authenticator] = []
    for index, authenticator in enumerate(asked):
        outcome = authenticator.judge(request)
        if isinstance(outcome, NotPresented):
            continue
        if found is not NOT_PRESENTED or isinstance(outcome, Pending):
            return _judge_rest(request, asked[index + 1 :], [found], outcome)
        presented.append(authenticator)
        found = outcome
    if len(presented) < len(asked):
        kept = authenticators, request.public_url, presented
        request.fields.derived[id(authenticators)] = kept
    return found


# The authenticators, the public URL, and the authenticators that found a credential.
_Kept = tuple[Sequence[Authenticator], str, Sequence[Authenticator]]


def _not_absent(
    request: Request, authenticators: Sequence[Authenticator]
) -> Sequence[Authenticator]:
    """`authenticators` without those known to find no credential in these fields.

    Whether a credential is present, good or bad, depends only on the fields and the public URL.
    """
    kept: _Kept | None = request.fields.derived.get(id(authenticators))
    # The entry keeps the list alive, so that its id() cannot be reused for another list.
    if kept is not None and kept[0] is authenticators and kept[1] == request.public_url:
        return kept[2]
    return authenticators


def _judge_rest(
    request: Request,
    rest: Sequence[Authenticator],
    known: list[Outcome],
    outcome: Outcome | Pending,
) -> Outcome | Pending:
    """Combine the `known` outcomes with `outcome` and those of `rest`."""
    for index, authenticator in enumerate(rest):
        if isinstance(outcome, Pending):
            return Pending(partial(_ask_rest, request, rest[index:], known, outcome))
        known.append(outcome)
        outcome = authenticator.judge(request)
    if isinstance(outcome, Pending):
        return Pending(partial(_ask_rest, request, (), known, outcome))
    return combine((*known, outcome))


async def _ask_rest(
    request: Request, rest: Sequence[Authenticator], known: list[Outcome], pending: Pending
) -> Outcome:
    known.append(await pending.ask())
    for authenticator in rest:
        known.append(await settle(authenticator.judge(request)))
    return combine(known)


async def settle(outcome: Outcome | Pending) -> Outcome:
    """The final outcome, after asking the store or issuer if needed.  Raises as `Pending.ask`."""
    return await outcome.ask() if isinstance(outcome, Pending) else outcome


async def authenticate_all(
    request: Request,
    authenticators: Sequence[Authenticator],
    guarded: tuple[bytes, ...] = GUARDED,
) -> Outcome:
    """Judge the credentials in `request`, as `judge_all`, and ask stores and issuers as needed.

    Raises:
        StoreUnavailableError: The store could not answer, so the credentials are unknown.
        ProviderUnavailableError: An issuer could not answer.
    """
    return await settle(judge_all(request, authenticators, guarded))


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """Combine several outcomes, in order of precedence, into one.

    A bad one is the result.  Good ones must belong to the same account.
    """
    proven: list[Authenticated] = []
    lapsed: Rejected | None = None
    for outcome in outcomes:
        match outcome:
            case Authenticated():
                proven.append(outcome)
            case Rejected(lapsed=True):
                lapsed = outcome
            case Rejected():
                return outcome
            case NotPresented():
                pass
    if lapsed is not None:
        # Together with a good credential, an ended session counts as a plain bad credential.
        return replace(lapsed, lapsed=not proven)
    if not proven:
        return NOT_PRESENTED
    first = proven[0]
    if not all(same_account(first.identity, other.identity) for other in proven[1:]):
        return Rejected("conflicting-credentials", "of different accounts", status=400)
    return first


def same_account(one: Identity, other: Identity) -> bool:
    """Whether two identities belong to one account; no two accounts share a `user`."""
    if one.account_id is not None and other.account_id is not None:
        return one.account_id == other.account_id
    return one.user == other.user
