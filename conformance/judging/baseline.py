"""Accepted findings: a list that may only shrink."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

from conformance.judging.findings import Finding, Outcome, failing, without
from contract import read_text

FORMAT = 1
_FILE_KEYS = {"format", "findings"}
_KEYS = {"requirement", "fingerprint", "reason", "link", "expires", "summary"}


class BaselineError(Exception):
    """A baseline file that cannot be used; `str` is one sentence with file and place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted finding."""

    requirement: str
    fingerprint: str
    reason: str
    summary: str = ""
    """What the finding says, for the person who reads the file."""
    link: str | None = None
    expires: date | None = None
    """The last day on which it is accepted."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The accepted findings of one backend."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a baseline file. Raises BaselineError."""
        try:
            content = json.loads(read_text(file))
        except OSError as error:
            raise BaselineError(f"{file}: {error.strerror or 'cannot be read'}.") from None
        except UnicodeDecodeError as error:
            raise BaselineError(f"{file}: byte {error.start} is not UTF-8.") from None
        except (ValueError, RecursionError) as error:
            raise BaselineError(f"{file} is no JSON: {error}.") from None
        entries = content.get("findings") if isinstance(content, dict) else None
        if not isinstance(entries, list) or content.get("format") != FORMAT:
            raise BaselineError(
                f'{file}: a baseline is an object with "format": {FORMAT} and a list "findings".'
            )
        _known_only(str(file), content, _FILE_KEYS)
        return cls(tuple(_entry(file, number, entry) for number, entry in enumerate(entries, 1)))

    def apply(
        self,
        outcomes: Iterable[Outcome],
        *,
        judged: frozenset[str],
        known: frozenset[str],
        today: date,
    ) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
        """The outcomes without the accepted findings, and what is stale, a sentence each.

        An entry is stale when its last day is over, when it names no `known` requirement, and when
        its finding no longer occurs although its requirement was `judged` to the end in this run.
        """
        outcomes = tuple(outcomes)
        occurring = {finding.fingerprint for o in outcomes for finding in o.findings}
        accepted, stale = set(), []
        for entry in self.entries:
            name = f"{entry.requirement} {entry.fingerprint}"
            if entry.expires is not None and entry.expires < today:
                stale.append(f"{name} expired on {entry.expires.isoformat()}.")
            elif entry.fingerprint in occurring:
                accepted.add(entry.fingerprint)
            elif entry.requirement not in known:
                stale.append(f"{name} names no requirement; remove it from the baseline.")
            elif entry.requirement in judged:
                stale.append(f"{name} no longer occurs; remove it from the baseline.")
        return without(outcomes, frozenset(accepted)), tuple(stale)

    def updated(
        self,
        outcomes: Iterable[Outcome],
        *,
        judged: frozenset[str],
        known: frozenset[str],
        strict: bool,
    ) -> "Baseline":
        """A baseline of the findings that fail now.

        Entries keep their reasons where the finding still occurs, and stay where their requirement
        was not `judged` to the end in this run. One that names no `known` requirement goes.
        """
        outcomes = tuple(outcomes)
        occurring = {finding.fingerprint for o in outcomes for finding in o.findings}
        kept = [
            entry
            for entry in self.entries
            if entry.fingerprint in occurring or entry.requirement in known - judged
        ]
        listed = {entry.fingerprint for entry in kept}
        new = [f for f in failing(outcomes, strict) if f.fingerprint not in listed]
        return Baseline((*kept, *map(_accepted, new)))

    def write(self, file: Path) -> None:
        """Writes the baseline file. Raises OSError."""
        entries = [
            {
                "requirement": entry.requirement,
                "fingerprint": entry.fingerprint,
                "summary": entry.summary,
                "reason": entry.reason,
                **({"link": entry.link} if entry.link else {}),
                **({"expires": entry.expires.isoformat()} if entry.expires else {}),
            }
            for entry in self.entries
        ]
        text = json.dumps({"format": FORMAT, "findings": entries}, indent=2, ensure_ascii=False)
        file.write_text(text + "\n", encoding="utf-8")


def _accepted(finding: Finding) -> Entry:
    return Entry(finding.requirement, finding.fingerprint, "", finding.summary)


def _known_only(place: str, content: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(content.keys() - known):
        raise BaselineError(
            f"{place} has a field {unknown[0]!r}; known: {', '.join(sorted(known))}."
        )


def _entry(file: Path, number: int, entry: Any) -> Entry:
    place = f"{file}: finding {number}"
    if not isinstance(entry, dict):
        raise BaselineError(f"{place} has to be an object.")
    _known_only(place, entry, _KEYS)
    for key in ("requirement", "fingerprint", "reason"):
        if not isinstance(entry.get(key), str):
            raise BaselineError(f"{place} needs {key}, a text.")
    for key in ("summary", "link"):
        if not isinstance(entry.get(key) or "", str):
            raise BaselineError(f"{place}: {key} has to be a text.")
    if not entry["reason"].strip():
        raise BaselineError(
            f"{place} ({entry['requirement']}) needs a reason: why is it accepted, and until when?"
        )
    expires = entry.get("expires")
    try:
        last = date.fromisoformat(expires) if expires is not None else None
    except (TypeError, ValueError):
        raise BaselineError(f"{place}: expires has to be a day such as 2026-12-31.") from None
    return Entry(
        entry["requirement"],
        entry["fingerprint"],
        entry["reason"],
        entry.get("summary") or "",
        entry.get("link"),
        last,
    )
