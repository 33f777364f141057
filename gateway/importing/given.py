"""The options given to oauth2-proxy, wherever they stood."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.importing.findings import Report
from gateway.importing.options import Known, known_names, known_option
from gateway.settings.scalars import unknown_message

_TRUE = frozenset({"1", "t", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Setting:
    """What one option was set to.

    Attributes:
        written: Its name as written there.
        values: One for an option that is no list.
        place: ``file:line``.
    """

    written: str
    values: tuple[str, ...]
    place: str

    @property
    def text(self) -> str:
        """The value of an option that is no list."""
        return self.values[-1] if self.values else ""

    @property
    def is_on(self) -> bool:
        """Whether a switch is on."""
        return self.text.strip().lower() in _TRUE


@dataclass(slots=True)
class Given:
    """All options, by their names in TOML."""

    report: Report
    options: dict[str, Setting] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)

    def put(self, written: str, values: Sequence[str], place: str, *, adds: bool = False) -> None:
        """Set the option that is written so; `adds` to a list that is already given there."""
        known = known_option(written.lstrip("-"))
        if known is None:
            said = unknown_message("option", written.lstrip("-"), known_names(), free=())
            self.report.add("unknown", place, written, f"{said}: left out, check what it did")
            return
        before = self.options.get(known.name)
        if adds and known.form == "list" and before is not None:
            values = (*before.values, *values)
        self.options[known.name] = Setting(written, tuple(values), place)
        if known.kind is not None and not _says_nothing(known, values):
            self.report.add(known.kind, place, written, known.message)

    def override(self, other: "Given") -> None:
        """Take what `other` sets before what is here."""
        self.options.update(other.options)

    def get(self, name: str) -> Setting | None:
        """The option, unless it is not given or empty."""
        self._read.add(name)
        found = self.options.get(name)
        return found if found is not None and any(it.strip() for it in found.values) else None

    def text(self, name: str, default: str = "") -> str:
        """The value of an option."""
        found = self.get(name)
        return default if found is None else found.text.strip()

    def items(self, name: str) -> list[str]:
        """The values of a list, without blank ones."""
        found = self.get(name)
        return [] if found is None else [it.strip() for it in found.values if it.strip()]

    def is_on(self, name: str, default: bool = False) -> bool:
        """Whether a switch is on."""
        found = self.get(name)
        return default if found is None else found.is_on

    def say_unread(self) -> None:
        """Report on the options that the translation had no use for, whose others decide."""
        for name, setting in self.options.items():
            known = known_option(name)
            unread = known is not None and known.kind is None and name not in self._read
            if known is not None and unread and not _says_nothing(known, setting.values):
                self.say("not needed", name, "has no effect beside the other options")

    def say(self, kind: str, name: str, message: str) -> None:
        """Report on an option that is given."""
        found = self.options.get(name)
        if found is not None:
            self.report.add(kind, found.place, found.written, message)  # type: ignore[arg-type]


def _says_nothing(known: Known, values: Iterable[str]) -> bool:
    """Whether an option is only set to its empty or switched-off default."""
    texts = [it.strip().lower() for it in values]
    return not any(texts) or (known.form == "flag" and texts[-1] not in _TRUE)
