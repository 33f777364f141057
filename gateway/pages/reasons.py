"""All reasons: one table feeds pages, problem documents and `docs/reasons.md`.

A reason is the stable, public, kebab-case code for why a request ended (`GatewayError.reason`,
`Deny.reason` and so on).  To add one, add an entry to one of the tables joined here.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType

from gateway.pages.reason import Reason
from gateway.pages.reasons_access import ACCESS, CONDITIONS
from gateway.pages.reasons_account import ACCOUNTS
from gateway.pages.reasons_request import REQUESTS, UPSTREAMS
from gateway.pages.reasons_sign_in import SIGN_IN
from gateway.pages.reasons_tokens import TOKENS

SECTIONS: Mapping[str, Mapping[str, Reason]] = MappingProxyType(
    {
        "Requests the gateway cannot serve": REQUESTS,
        "Credentials": ACCESS,
        "Access rules": CONDITIONS,
        "Signing in": SIGN_IN,
        "Accounts, sessions and keys": ACCOUNTS,
        "Tokens of apps": TOKENS,
        "The app behind the gateway, and the gateway itself": UPSTREAMS,
    }
)

REASONS: Mapping[str, Reason] = MappingProxyType(
    {name: reason for table in SECTIONS.values() for name, reason in table.items()}
)

_STATUSES = frozenset(int(status) for status in HTTPStatus)


def reason_for(name: str, status: int) -> Reason:
    """The meaning of `name`; for an unlisted reason, the meaning of its `status`."""
    known = REASONS.get(name)
    if known is not None:
        return known
    return Reason(
        status,
        HTTPStatus(status).phrase if status in _STATUSES else "Request refused",
        "The gateway did not let this request through.",
        "If you think it should, send the reason and the request id to the operator of this site.",
        sign_in=status == HTTPStatus.UNAUTHORIZED,
    )


def reasons_document() -> str:
    """All reasons as Markdown, one table for each section: the text of `docs/reasons.md`."""
    return "\n".join(_document_lines())


def _document_lines() -> Iterator[str]:
    yield "# Reasons"
    yield ""
    yield (
        "Every response that the gateway gives in place of the app has a `reason`: in the problem"
        " document (`application/problem+json`, RFC 9457), on the error page, in the audit line"
        " and as a metric label. Reasons are stable, so your alerts and scripts can rely on them."
        " The status shown here is the usual one."
    )
    for heading, table in SECTIONS.items():
        yield ""
        yield f"## {heading}"
        yield ""
        yield "| reason | status | what happened | what to do |"
        yield "|---|---|---|---|"
        for name, reason in table.items():
            yield f"| `{name}` | {reason.status} | {reason.explanation} | {reason.advice} |"
    yield ""
