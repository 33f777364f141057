"""Conditions on the JSON-RPC message of a request to an MCP server.

They can be judged only once the body has been read: see `UNREAD`.
"""

from dataclasses import dataclass
from typing import Final, Self

from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.message.mcp_request import McpRequest

# The reason of a decision for which the message must be read first.
NOT_READ: Final = "mcp-not-read"
_UNREAD: Final = Unreadable("the message has not been read", NOT_READ)
_READ: Final = Unmet("denied-by-rule", "the message has been read")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in which each ``*`` stands for any characters, or none; case matters.

    Attributes:
        parts: What is between the stars.
    """

    parts: tuple[str, ...]

    def matches(self, text: str) -> bool:
        """Whether all of `text` fits; in linear time, whatever the pattern."""
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return text == first
        start, end = len(first), len(text) - len(last)
        if start > end or not text.startswith(first) or not text.endswith(last):
            return False
        for part in self.parts[1:-1]:
            found = text.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True


@dataclass(frozen=True, slots=True)
class _OneOf:
    """Base of the conditions that compare a part of the message with `patterns`."""

    patterns: tuple[Pattern, ...]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all patterns."""
        return (cls(tuple(Pattern(tuple(it.split("*"))) for it in value)),)

    def _fits(self, text: str) -> bool:
        return any(it.matches(text) for it in self.patterns)


@dataclass(frozen=True, slots=True)
class McpMethodIs(_OneOf):
    """The message's method fits; a response has the method ``""``, which only ``*`` fits."""

    def check(self, facts: Facts) -> Result:
        """Unmet without a message, as by GET and DELETE."""
        request = facts.request
        if not isinstance(request, McpRequest) or request.is_whole:
            return _UNREAD
        message = request.message
        if message is None:
            return Unmet("mcp-method-not-allowed", "the request has no message")
        if self._fits(message.method):
            return MET
        return Unmet("mcp-method-not-allowed", f"the message's method is {message.method!r}")


@dataclass(frozen=True, slots=True)
class McpToolIs(_OneOf):
    """The message is a ``tools/call``, and the name of its tool fits."""

    def check(self, facts: Facts) -> Result:
        """Unmet for any other message, and without one."""
        request = facts.request
        if not isinstance(request, McpRequest) or request.is_whole:
            return _UNREAD
        tool = None if request.message is None else request.message.tool
        if tool is None:
            return Unmet("mcp-tool-not-allowed", "the request calls no tool")
        if self._fits(tool):
            return MET
        return Unmet("mcp-tool-not-allowed", f"the tool is {tool!r}")


@dataclass(frozen=True, slots=True)
class Unread:
    """Refuses every request whose message has not been read.

    The first item of every `deny` beside such conditions: so nothing decides without the message,
    whoever asks, and whatever the other rules say.
    """

    def check(self, facts: Facts) -> Result:
        """Unreadable until the message is read, then unmet."""
        request = facts.request
        return _READ if isinstance(request, McpRequest) and not request.is_whole else _UNREAD
