"""An upstream's ``identity``: the fields and the assertion that carry the identity."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema

from gateway.settings.headers import RESERVED, check_names
from gateway.settings.presets import Preset
from gateway.settings.scalars import Duration, FieldName, Section, Text, wrong
from gateway.settings.templates import template_problem

_LONGEST_TTL_S = 600


class AssertionSettings(Section):
    """The signed assertion of the identity.

    Attributes:
        audience: The upstream's name if the file has none; filled in by `Settings`.
        ttl: Seconds, 1 to 600.
    """

    header: FieldName = Field("Gatepost-Assertion", description="Field for the assertion.")
    audience: Text = Field("", description="Its `aud`; default: the upstream's name.")
    ttl: Duration = Field(60.0, description="How long it is valid, 1s to 10m.")

    @model_validator(mode="after")
    def _is_short_lived(self) -> Self:
        if not 1 <= self.ttl <= _LONGEST_TTL_S:
            raise wrong("ttl must be between 1s and 10m")
        check_names({self.header: None}, RESERVED | {"authorization"})
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"enum": ["none", "off", False]}]}


def _template(text: str) -> str:
    problem = template_problem(text)
    if problem is not None:
        raise wrong(problem)
    return text


def _mapping_may_be_set(mapping: Mapping[str, str]) -> Mapping[str, str]:
    check_names(mapping, RESERVED)
    return mapping


def _headers_kind(value: object) -> str:
    return "|mapping" if isinstance(value, Mapping) else "|preset"


def _off(value: object) -> object:
    return None if value in ("none", "off", "false", False) else value


IdentityHeaders = Annotated[
    Annotated[Preset, Tag("|preset")]
    | Annotated[
        Mapping[FieldName, Annotated[Text, AfterValidator(_template)]],
        AfterValidator(_mapping_may_be_set),
        Tag("|mapping"),
    ],
    Discriminator(_headers_kind),
]


class IdentitySettings(Section):
    """How the identity is sent to the app.

    Attributes:
        headers: A preset's name, or field name -> template.
        assertion: None if it is turned off.
    """

    headers: IdentityHeaders = Field(
        "remote-user",
        description="A preset, such as an app's name, or field names and templates.",
    )
    assertion: Annotated[AssertionSettings | None, BeforeValidator(_off)] = Field(
        AssertionSettings(), description="The signed assertion; none turns it off."
    )
