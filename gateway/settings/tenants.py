"""Issuers with a place for the tenant: https://login.microsoftonline.com/{tenantid}/v2.0."""

PLACE = "{tenantid}"


def has_tenants(issuer: str) -> bool:
    """Whether `issuer` stands for the issuers of several tenants."""
    return PLACE in issuer


def in_tenant(issuer: str, tenant: str) -> str:
    """The issuer that `tenant` has by the template `issuer`."""
    return issuer.replace(PLACE, tenant)
