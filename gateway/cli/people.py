"""What is known of people besides the audit log: a file that the operator gives."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from gateway.errors import SettingsError
from gateway.kinds import LDAP, LOCAL
from gateway.settings.access import Texts
from gateway.settings.scalars import Section, Text, printable

# The conditions that each fact answers.
_ANSWERS = {
    "email": {"email", "email_domain"},
    "groups": {"group"},
    "roles": {"role"},
    "scopes": {"scope"},
    "claims": {"claim"},
    "provider": {"provider"},
}


class Person(Section):
    """What is known of one person; a fact that is not given is not known."""

    email: Text | None = None
    groups: Texts | None = None
    roles: Texts | None = None
    scopes: Texts | None = None
    provider: Text | None = None
    claims: Mapping[str, Any] | None = Field(None, repr=False)

    @property
    def known(self) -> frozenset[str]:
        """The conditions that these facts answer."""
        given = (names for fact, names in _ANSWERS.items() if getattr(self, fact) is not None)
        return frozenset[str]().union(*given)


NOBODY = Person()
_PEOPLE = TypeAdapter(dict[str, Person])


def read_people(path: Path, providers: Collection[str]) -> dict[str, Person]:
    """The people in the file, by user; their providers are among `providers`.

    Raises:
        SettingsError: It cannot be read, or is not ``USER: {groups: [...], email: ...}``.
    """
    try:
        found = _PEOPLE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError([printable(f"{path}: cannot be read: {error}")]) from error
    except ValidationError as error:
        raise SettingsError(
            [
                printable(f"{path}: {'.'.join(map(str, it['loc']))}: {it['msg']}")
                for it in error.errors(include_input=False)
            ]
        ) from error
    unknown = {it.provider for it in found.values() if it.provider} - {*providers, LOCAL, LDAP}
    if unknown:
        raise SettingsError(
            [printable(f"{path}: there is no provider {it}") for it in sorted(unknown)]
        )
    return found
