"""An issuer with a place for the tenant, as Entra ID has; pure."""

from collections.abc import Collection, Mapping

from gateway.oidc.errors import IssuerMismatchError
from gateway.settings.tenants import in_tenant


def judge_tenant(claims: Mapping[str, object], issuer: str, tenants: Collection[str]) -> None:
    """Check that a token is from one of `tenants`, and its issuer is that tenant's.

    All tenants sign with the same keys, so these two claims alone say whose token it is.

    Raises:
        IssuerMismatchError: it is another's, or does not say.
    """
    tenant, named = claims.get("tid"), str(claims.get("iss"))[:200]
    if not isinstance(tenant, str) or tenant not in tenants:
        raise IssuerMismatchError(
            f"tenants: the ID token is from {str(tenant)[:200]!r} (tid), which is not listed"
        )
    if claims.get("iss") != in_tenant(issuer, tenant):
        raise IssuerMismatchError(f"the ID token's iss is {named!r}, but its tid is {tenant!r}")
