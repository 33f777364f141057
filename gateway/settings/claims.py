"""Which claim has each part of an identity, and what becomes of groups and roles."""

import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from gateway.settings.access import ClaimName, Texts
from gateway.settings.scalars import EMPTY, Flag, OneOrMany, Section, Text, quote, wrong

Names = Annotated[tuple[ClaimName, ...], OneOrMany()]
# ASCII alone: U+212A, which lower() turns into k, must not make one group of two.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lower(text: str) -> str:
    """`text` with ASCII letters in lower case, and all others as they are."""
    return text.translate(_LOWER)


def _separator(text: str) -> str:
    if not text:
        raise wrong(EMPTY)
    if not text.isprintable():
        raise wrong(f"{quote(text)} must not contain control characters")
    return text


class NamesSettings(Section):
    """Groups or roles: their claim, and what becomes of them: split, fold_case, map, prefix.

    Attributes:
        names: None means the default of the provider's profile.
        split: ``""`` not to split.
        fold_case: None means the default of the provider's profile.
    """

    names: Names | None = Field(
        None,
        alias="from",
        description="A text, a list of texts or numbers, or an object's keys; /groups/*/id selects"
        " a member of every object in a list or object.",
    )
    split: Annotated[str, AfterValidator(_separator)] = Field(
        "", description='Separator of names that come as one text: ",".'
    )
    fold_case: Flag | None = Field(
        None, description="Turns names into lower case; default: that of the profile."
    )
    map: Mapping[Text, Texts] = Field(
        {}, description="The provider's names (after split and fold_case), and yours."
    )
    unmapped: Literal["keep", "drop"] = Field(
        "keep", description="What becomes of names that are not in map."
    )
    prefix: Annotated[str, AfterValidator(_separator)] = Field(
        "", description='Text before every name, after map: "github:".'
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"from": value} if isinstance(value, str | list | tuple) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.unmapped == "drop" and not self.map:
            raise wrong("unmapped: drop needs map, or nobody has any")
        if self.fold_case:
            self.judge_map()
        return self

    def judge_map(self) -> None:
        """Refuse names in `map` that no name in lower case equals.

        Raises:
            PydanticCustomError: There is one.
        """
        for name in self.map:
            if name != lower(name):
                raise wrong(f"map: {quote(name)} never comes: names are in lower case here")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        text = {"type": "string"}
        many = {"type": "array", "items": text, "minItems": 1}
        return {"anyOf": [text, many, handler(schema)]}


class ClaimSettings(Section):
    """The claim for each fact: names or JSON pointers; the first present one is used.

    None means the default of the provider's profile.
    """

    user: Names | None = Field(None, description="User name for the app.")
    email: Names | None = Field(None, description="E-mail address.")
    name: Names | None = Field(None, description="Display name.")
    groups: NamesSettings = Field(
        NamesSettings(), description="Groups: a claim, or a mapping of what follows."
    )
    roles: NamesSettings = Field(NamesSettings(), description="Roles, in the same form as groups.")


class ProviderClaimSettings(ClaimSettings):
    """As `ClaimSettings`, with what only plain OAuth 2.0 needs."""

    subject: ClaimName | None = Field(
        None, description="Immutable id of the user; only with type: oauth2."
    )
    group: ClaimName | None = Field(
        None, description="Name of a group in the items of groups_endpoint; only with type: oauth2."
    )
