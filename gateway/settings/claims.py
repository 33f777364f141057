"""Which claim has each part of an identity."""

from typing import Annotated

from pydantic import Field

from gateway.settings.access import ClaimName
from gateway.settings.scalars import OneOrMany, Section, Text

Names = Annotated[tuple[ClaimName, ...], OneOrMany()]


class ClaimSettings(Section):
    """The claim for each fact: names or JSON pointers; the first present one is used.

    None means the default of the provider's profile.
    """

    user: Names | None = Field(None, description="User name for the app.")
    email: Names | None = Field(None, description="E-mail address.")
    name: Names | None = Field(None, description="Display name.")
    groups: Names | None = Field(
        None,
        description="Groups: a text, a list of texts or numbers, or an object's keys;"
        " /groups/*/id selects a member of every object in a list.",
    )
    roles: Names | None = Field(None, description="Roles, in the same shapes as groups.")
    split: Text | None = Field(
        None, description='Separator for groups and roles that come as one text: ","'
    )


class ProviderClaimSettings(ClaimSettings):
    """As `ClaimSettings`, with what only plain OAuth 2.0 needs."""

    subject: ClaimName | None = Field(
        None, description="Immutable id of the user; only with type: oauth2."
    )
    group: ClaimName | None = Field(
        None, description="Name of a group in the items of groups_endpoint; only with type: oauth2."
    )
