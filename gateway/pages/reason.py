"""The text of one reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """The meaning of one reason code, in words.

    Attributes:
        status: The HTTP status it goes with, unless the outcome names another.
        title: A few words, no full stop; always the same (RFC 9457, section 3.1.3).
        explanation: One plain sentence: what happened.
        advice: One or two plain sentences: what to do about it.
        sign_in: Whether signing in (again) may help, so that the response links to it.
        retry_after_s: Seconds until a retry makes sense (RFC 9110, section 10.2.3).
    """

    status: int
    title: str
    explanation: str
    advice: str
    sign_in: bool = False
    retry_after_s: int | None = None
