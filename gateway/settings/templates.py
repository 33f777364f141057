"""Templates: values such as `{user}` and `{claim:/path}` that the gateway fills in."""

import re

# Allowed placeholders; `{claim:/path}` is another.
PLACEHOLDERS = (
    "user",
    "email",
    "name",
    "groups",
    "roles",
    "account_id",
    "external_id",
    "access_token",
    "id_token",
)

# Braces around anything else, such as JSON, are literal text.
PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([^{}]*))?\}")


def template_problem(text: str) -> str | None:
    """What is wrong with the template `text`, or None."""
    from gateway.settings.scalars import quote, unknown_message

    for found in PLACEHOLDER.finditer(text):
        name, argument = found[1], found[2]
        if name == "claim":
            if not argument or pointer_problem(argument) is not None:
                return f"{quote(found[0])} must name a claim, as in {{claim:/department}}"
        elif argument is not None or name not in PLACEHOLDERS:
            return unknown_message("placeholder", name, (*PLACEHOLDERS, "claim"))
    return None


def pointer_problem(text: str) -> str | None:
    """What is wrong with `text` as a JSON pointer (RFC 6901) or plain claim name, or None."""
    if text.startswith("/") and re.fullmatch(r"(/([^~/]|~[01])*)+", text) is None:
        return "a JSON pointer escapes ~ as ~0 and / as ~1"
    return None
