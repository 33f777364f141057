"""From what a provider says to the names of groups and roles that rules compare; pure.

The steps, in this order: split, fold case, map, prefix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.settings.claims import NamesSettings, lower


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done with the names in a claim.

    Attributes:
        split: Separator of names that come as one text; ``""`` not to split.
        fold_case: Whether names become lower case, for providers that ignore it.
        mapped: Name at the provider -> ours.
        drops_unmapped: Whether names that are not in `mapped` are left out.
        prefix: Put before each name, so that two providers' groups differ.
    """

    split: str = ""
    fold_case: bool = False
    mapped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drops_unmapped: bool = False
    prefix: str = ""


def steps_of(settings: NamesSettings, *, fold_case: bool = False) -> Steps:
    """The steps in `settings`; `fold_case` is the default of the provider's profile."""
    return Steps(
        split=settings.split,
        fold_case=fold_case if settings.fold_case is None else settings.fold_case,
        mapped=settings.map,
        drops_unmapped=settings.unmapped == "drop",
        prefix=settings.prefix,
    )


def parts_of(value: object, split: str) -> list[object]:
    """The items of a claim: those of a list, the keys of an object, the parts of a text.

    Any other value is its only item.  Zitadel's roles are ``{role: {organisation: domain}}``.
    """
    if isinstance(value, list | Mapping):
        return list(value)
    if not split or not isinstance(value, str):
        return [value]
    return [part for it in value.split(split) if (part := it.strip())]


def renamed(names: Iterable[str], steps: Steps) -> tuple[str, ...]:
    """The `names` after all steps but the first, each once."""
    folded = map(lower, names) if steps.fold_case else names
    ours = (
        name
        for it in folded
        for name in steps.mapped.get(it, () if steps.drops_unmapped else (it,))
    )
    return tuple(dict.fromkeys(steps.prefix + name for name in ours))
