"""Where the policy that is evaluated comes from: a folder with weights, or a factory of the user's own."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.rollout import Actor


@dataclass(frozen=True)
class PolicySource:
    """A policy by name: ``FOLDER``, ``FILE.py:FACTORY`` or ``MODULE:FACTORY``.

    A factory is called without arguments, once a process, and returns anything with ``act(observation)``. Nothing is
    imported but the file or module that is named, and that only by :meth:`load`; the working directory is not searched.

    Attributes:
        name: As the user named it.
    """

    name: str

    @property
    def folder(self) -> Path | None:
        """The policy's folder; None for a factory."""
        return None if ":" in self.name else Path(self.name)

    def check(self) -> None:
        """Raises what can be known before a process is started.

        Raises:
            CheckpointError: no such folder.
            ConfigurationError: no such file, or no name of a factory.
        """
        if self.folder is not None:
            if not self.folder.is_dir():
                raise CheckpointError(
                    f"no policy folder {self.folder}; train one with `dynarend finetune`, give --policy FOLDER, or a "
                    "policy of your own as --policy FILE.py:FACTORY"
                )
            return
        place, factory = self._parts()
        if not place or not factory.isidentifier():
            raise ConfigurationError(f"--policy {self.name}: give FILE.py:FACTORY or MODULE:FACTORY")
        if place.endswith(".py") and not Path(place).is_file():
            raise ConfigurationError(f"--policy {self.name}: there is no file {Path(place).absolute()}")

    def fingerprint(self) -> str:
        """SHA-256 of the weights and their description, or of the factory's file; empty for an installed module."""
        place = self._parts()[0]
        if self.folder is not None:
            files = [p for p in sorted(self.folder.iterdir()) if p.suffix in (".safetensors", ".json")]
        else:
            files = [Path(place)] if place.endswith(".py") else []
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.name.encode())
            digest.update(file.read_bytes())
        return digest.hexdigest() if files else ""

    def resolved(self) -> PolicySource:
        """The same with an absolute path, for processes that work elsewhere."""
        if self.folder is not None:
            return PolicySource(str(self.folder.absolute()))
        place, factory = self._parts()
        return PolicySource(f"{Path(place).absolute()}:{factory}") if place.endswith(".py") else self

    def load(self) -> Actor:
        """The policy itself.

        Raises:
            CheckpointError: the folder is missing or damaged.
            ConfigurationError: the factory is not there, or what it makes cannot act.
        """
        if self.folder is not None:
            from dynarend_core.policy import Policy

            return Policy.from_checkpoint(self.folder)
        place, name = self._parts()
        factory = getattr(_module(place), name, None)
        if not callable(factory):
            raise ConfigurationError(f"--policy {self.name}: {place} has no function {name!r}")
        policy = _call(factory, self.name)
        if not callable(getattr(policy, "act", None)):
            raise ConfigurationError(
                f"--policy {self.name}: a policy needs a method act(observation), {type(policy).__name__} has none"
            )
        return policy

    def _parts(self) -> tuple[str, str]:
        place, _, factory = self.name.rpartition(":")
        return place, factory


def _module(place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(f"evaluated_{Path(place).stem}", place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigurationError(f"{place} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _call(factory: Callable[[], Actor], name: str) -> Actor:
    try:
        return factory()
    except Exception as error:
        raise ConfigurationError(f"--policy {name} could not be made: {type(error).__name__}: {error}") from error
