"""Issuers with a place for the tenant: https://login.microsoftonline.com/{tenantid}/v2.0."""

import re

PLACE = "{tenantid}"


def has_tenants(issuer: str) -> bool:
    """Whether `issuer` stands for the issuers of several tenants."""
    return PLACE in issuer


def in_tenant(issuer: str, tenant: str) -> str:
    """The issuer that `tenant` has by the template `issuer`."""
    return issuer.replace(PLACE, tenant)


def is_of_template(issuer: str, template: str) -> bool:
    """Whether `issuer` is what some tenant has by `template`; the template itself is not."""
    pattern = "[A-Za-z0-9-]+".join(map(re.escape, template.split(PLACE)))
    return re.fullmatch(pattern, issuer) is not None
