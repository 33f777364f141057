"""The Cookie and Set-Cookie fields (RFC 6265)."""

from collections.abc import Iterable


def cookie_values(fields: Iterable[bytes], name: str) -> list[str]:
    """All values of the cookie `name` in the given Cookie field values, in order."""
    wanted = name.encode()
    found = []
    for field in fields:
        if wanted not in field:
            continue
        for pair in field.split(b";"):
            key, _, value = pair.strip(b" \t").partition(b"=")
            if key.rstrip(b" \t") == wanted:
                found.append(value.strip(b' \t"').decode("ascii", "replace"))
    return found


def set_cookie(
    name: str,
    value: str,
    *,
    secure: bool,
    path: str = "/",
    max_age_s: int | None = None,
    domain: str | None = None,
    same_site: str = "lax",
    partitioned: bool = False,
) -> tuple[str, str]:
    """A ``Set-Cookie`` field, HttpOnly, for `path` and below; a session cookie if no max age.

    Browsers accept `partitioned` only together with `secure` (CHIPS, section 2.1).
    """
    parts = [f"{name}={value}", f"Path={path}", "HttpOnly", f"SameSite={same_site.capitalize()}"]
    if max_age_s is not None:
        parts.append(f"Max-Age={max_age_s}")
    if domain is not None:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    if partitioned:
        parts.append("Partitioned")
    return "Set-Cookie", "; ".join(parts)


def clear_cookie(
    name: str,
    *,
    secure: bool,
    path: str = "/",
    domain: str | None = None,
    partitioned: bool = False,
) -> tuple[str, str]:
    """The ``Set-Cookie`` field that makes the browser forget `name`."""
    # In a frame of another site, browsers accept only SameSite=None.
    same_site = "none" if partitioned else "lax"
    return set_cookie(
        name,
        "",
        secure=secure,
        path=path,
        max_age_s=0,
        domain=domain,
        same_site=same_site,
        partitioned=partitioned,
    )
