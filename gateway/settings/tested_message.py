"""The JSON-RPC message of a policy test's request."""

from typing import Self

from pydantic import Field, model_validator

from gateway.settings.scalars import Section, Text, wrong

_CALL = "tools/call"


class TestedMessage(Section):
    """The JSON-RPC message in the body of a test's request."""

    # Not a test class, whatever its name says to pytest.
    __test__ = False

    method: Text | None = Field(
        None, description="Method, such as tools/list; default: tools/call."
    )
    tool: Text | None = Field(None, description="Tool that a tools/call calls.")

    @model_validator(mode="after")
    def _calls(self) -> Self:
        if self.tool is not None and self.method not in (None, _CALL):
            raise wrong(f"only {_CALL} calls a tool: remove method or tool")
        if self.tool is None and self.method in (None, _CALL):
            raise wrong('"tool" is missing')
        return self
