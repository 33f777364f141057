"""Which other origins' scripts may use a route (CORS; Fetch standard, section 3.2)."""

from typing import Annotated, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from gateway.settings.addresses import parse_origin
from gateway.settings.scalars import Duration, FieldName, Flag, OneOrMany, Section, as_text, wrong

ANY = "*"


def _parse_origin(value: object) -> str:
    text = as_text(value, "an origin")
    return ANY if text == ANY else parse_origin(text)


_Origin = Annotated[str, PlainValidator(_parse_origin), WithJsonSchema({"type": "string"})]


class CorsSettings(Section):
    """The origins whose scripts may use a route, and how.

    Attributes:
        origins: As browsers send them in Origin; ``*`` stands alone, for any.
        max_age: Seconds.
    """

    origins: Annotated[tuple[_Origin, ...], OneOrMany()] = Field(
        description="Origins whose scripts may use the route, such as https://spa.example.com;"
        " '*' for any, which excludes credentials."
    )
    credentials: Flag = Field(
        False,
        description="Whether these scripts may send the session cookie, also with unsafe methods.",
    )
    headers: Annotated[tuple[FieldName, ...], OneOrMany()] = Field(
        ("Authorization", "Content-Type"), description="Request fields that these scripts may send."
    )
    max_age: Duration = Field(
        600.0, description="How long a browser may keep the answer to a preflight."
    )

    @model_validator(mode="after")
    def _names_origins(self) -> Self:
        if ANY in self.origins and len(self.origins) > 1:
            raise wrong("origins: '*' covers every origin: name no other beside it")
        if ANY in self.origins and self.credentials:
            raise wrong("credentials: true needs named origins: '*' would trust every site")
        if ANY in self.headers and self.credentials:
            # Fetch, section 3.2.5: with credentials, a star is the name of a field.
            raise wrong("headers: with credentials, '*' covers nothing: name the fields")
        return self
