"""What is found of one item while its rules are gone through, and the outcome and sentence that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.outcome import OutcomeValue


@dataclass(slots=True)
class Verdict:
    """Codes and reasons collected rule by rule. A code outweighs a doubt, a doubt all that is right."""

    codes: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    unsure: list[str] = field(default_factory=list[str])
    right: list[str] = field(default_factory=list[str])
    digests: list[str] = field(default_factory=list[str])

    def fails(self, code: str, words: str) -> None:
        """An exception code applies."""
        if code not in self.codes:
            self.codes.append(code)
        self.wrong.append(words)

    def doubts(self, words: str) -> None:
        """A rule can't be judged on what is held."""
        self.unsure.append(words)

    def holds(self, words: str) -> None:
        """A rule is met."""
        self.right.append(words)

    def used(self, *digests: str) -> None:
        """Objects the item is judged by."""
        self.digests.extend(digests)

    def adopt(self, other: Verdict) -> None:
        """Everything that another verdict found."""
        self.codes += [code for code in other.codes if code not in self.codes]
        self.wrong += other.wrong
        self.unsure += other.unsure
        self.right += other.right
        self.digests += other.digests

    @property
    def outcome(self) -> OutcomeValue:
        return "exception" if self.codes else "unknown" if self.unsure else "pass"

    @property
    def evidence(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.digests))

    def explain(self, subject: str) -> str:
        """One or two sentences a person understands."""
        unsure = f"Not known: {'; '.join(dict.fromkeys(self.unsure))}." if self.unsure else ""
        if self.codes:
            return f"{subject}: {'; '.join(dict.fromkeys(self.wrong))}. {unsure}".rstrip()
        if self.unsure:
            return f"{subject}. {unsure}"
        return f"{subject}: {'; '.join(self.right)}."
