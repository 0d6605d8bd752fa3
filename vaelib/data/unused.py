"""What was found and not used: it is counted by cause and told in one note, so that nothing is lost in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .kinds import suffix_of

SHOWN = 5  # names in the note for each cause


class Unused:
    """Names by the cause why they were not used. A cause completes a number, as in "3 outside the class folders"."""

    def __init__(self) -> None:
        self._details: dict[str, str] = {}
        self.counts: dict[str, int] = {}

    def add(self, cause: str, names: Iterable[str]) -> None:
        """Count these names under a cause; the note shows the first of them."""
        names = sorted(names)
        shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
        self._add(cause, len(names), shown)

    def add_kinds(self, cause: str, names: Iterable[str]) -> None:
        """Count these names under a cause; the note shows how many there are of each suffix."""
        kinds = Counter(map(suffix_of, names))
        self._add(cause, kinds.total(), ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()))

    def add_number(self, cause: str, number: int) -> None:
        """Count what has no name."""
        self._add(cause, number, "")

    def parts(self) -> list[str]:
        """Each cause with its number and details, as in "1 outside the class folders (cover.png)"."""
        return [f"{self.counts[cause]:,} {cause}{self._details[cause]}" for cause in self.counts]

    def note(self) -> list[str]:
        """One sentence with every cause, or nothing if everything was used."""
        return [f"Found and not used: {'; '.join(self.parts())}."] if self.counts else []

    def _add(self, cause: str, number: int, detail: str) -> None:
        if number:
            self.counts[cause] = self.counts.get(cause, 0) + number
            self._details[cause] = f" ({detail})" if detail else ""
