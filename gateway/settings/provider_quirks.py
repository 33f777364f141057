"""What a few providers do differently: tenants, response modes, nonces, algorithms."""

import re
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator

from gateway.settings.algorithms import Algorithm
from gateway.settings.scalars import Text, quote, wrong
from gateway.settings.tenants import PLACE, has_tenants

ResponseMode = Literal["query", "form_post"]
Nonce = Literal["required", "unless_absent"]
# Of the algorithms with a shared secret, the one that providers offer.
ProviderAlgorithm = Literal[Algorithm, "HS256"]
# RFC 7518, section 3.2: as long as the hash at least.
MIN_HMAC_SECRET_BYTES = 32


def _tenant(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9-]+", text) is None:
        raise wrong(f"{quote(text)} is not a tenant id (write the value of the claim tid)")
    return text


Tenant = Annotated[Text, AfterValidator(_tenant)]


def judge_tenants(issuer: str, tenants: Collection[str]) -> None:
    """Check that `tenants` are listed where, and only where, `issuer` has a place for one.

    Raises:
        ValueError: They are not.
    """
    if has_tenants(issuer) and not tenants:
        raise wrong(f"an issuer with {PLACE} needs tenants: the ids of those that may come in")
    if tenants and not has_tenants(issuer):
        raise wrong(f"tenants needs an issuer with {PLACE} in it")


def judge_algorithms(algorithms: Collection[str], secret: str | None) -> None:
    """Check that there is a good `secret` for the algorithm that needs one.

    Raises:
        ValueError: There is none.
    """
    if "HS256" not in algorithms:
        return
    if secret is None:
        raise wrong("algorithms: HS256 needs client_secret_file")
    if len(secret.encode()) < MIN_HMAC_SECRET_BYTES:
        raise wrong(
            f"algorithms: HS256 needs a client secret of at least {MIN_HMAC_SECRET_BYTES} bytes"
        )
