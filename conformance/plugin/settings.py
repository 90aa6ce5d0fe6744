"""What the options and the configuration of a suite say about its runs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest

from conformance.plugin import PROFILES
from contract import Contract, DocumentError, load

DEFAULT_TARGET = "target.toml"


class Misconfigured(Exception):
    """A setting that cannot be used; `str` is one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options, before the configuration file."""

    target: Path | None
    """A target file; None where none is named and none stands beside the configuration."""
    profile: str
    seed: int | None
    strict: bool
    baseline: Path | None
    overlays: tuple[Path, ...]
    report_dir: Path | None

    @classmethod
    def of(cls, config: pytest.Config) -> Self:
        """Reads them. Raises Misconfigured."""
        return cls(
            target=_path(config, "target") or _default_target(config),
            profile=_profile(_option(config, "profile") or "default"),
            seed=_seed(_option(config, "seed")),
            strict=bool(_option(config, "strict")),
            baseline=_path(config, "baseline"),
            overlays=_overlays(config),
            report_dir=_path(config, "report_dir"),
        )

    def but(self, **given: Any) -> Self:
        """The same, with what is given in place; None gives nothing. Raises Misconfigured."""
        changed = replace(self, **{name: it for name, it in given.items() if it is not None})
        _profile(changed.profile)
        return changed

    def contract(self) -> Contract:
        """The contract with the overlays. Raises Misconfigured."""
        try:
            return load(self.overlays)
        except DocumentError as error:
            raise Misconfigured(f"{error}.") from None


def chosen(contract: Contract, names: tuple[str, ...]) -> frozenset[str]:
    """The ids of the requirements that are named by id or group; without names, of all.

    Raises Misconfigured.
    """
    try:
        return contract.ids(*names) if names else frozenset(contract.requirements)
    except KeyError as unknown:
        raise Misconfigured(
            f"{unknown.args[0]!r} is neither a requirement nor a group; "
            "`r2c-verify requirements` lists them."
        ) from None


def _option(config: pytest.Config, name: str) -> Any:
    given = config.getoption(f"r2c_{name}")
    return config.getini(f"r2c_{name}") or None if given is None else given


def _path(config: pytest.Config, name: str) -> Path | None:
    """A path: of the command line from where pytest was called, else from the configuration's."""
    given: str | None = config.getoption(f"r2c_{name}")
    if given is not None:
        return config.invocation_params.dir / given
    written = config.getini(f"r2c_{name}")
    return _home(config) / written if written else None


def _default_target(config: pytest.Config) -> Path | None:
    file = _home(config) / DEFAULT_TARGET
    return file if file.exists() else None


def _overlays(config: pytest.Config) -> tuple[Path, ...]:
    if (given := config.getoption("r2c_overlay")) is not None:
        return tuple(config.invocation_params.dir / each for each in given)
    return tuple(config.getini("r2c_overlay"))


def _home(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath is not None else config.rootpath


def _profile(name: str) -> str:
    if name not in PROFILES:
        raise Misconfigured(f"r2c_profile {name!r} is none of {', '.join(PROFILES)}.")
    return name


def _seed(text: str | None) -> int | None:
    if text is not None and (not text.isascii() or not text.isdigit() or len(text) > 18):
        raise Misconfigured(f"the seed {text!r} is no whole number from 0 up.")
    return int(text) if text is not None else None
