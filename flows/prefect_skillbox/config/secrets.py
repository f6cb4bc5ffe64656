"""The environment of a skill in a flow: text, and the names of Prefect Secret blocks in the place of their values.

A flow, its parameters, its task runs and what is pickled for another process hold the names only. The values are
read where the container is made, by whoever makes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from prefect.blocks.system import Secret

from skillbox_core.errors import InfrastructureError, InvalidRequestError
from skillbox_core.models import RunRequest
from skillbox_core.sandbox.environment import check_env


@dataclass(frozen=True)
class SecretRef:
    """The name of a Prefect Secret block, standing for its value."""

    block: str


def secret(block: str) -> SecretRef:
    """The value of a Prefect Secret block, for `skill(..., env={"API_KEY": secret("my-block")})`.

    Args:
        block: The name of the block's document.
    """
    return SecretRef(block)


@dataclass(frozen=True)
class Secrets:
    """An environment whose secrets are still only named.

    Attributes:
        text: Variables whose values are known.
        refs: Variables whose values are in blocks.
    """

    text: Mapping[str, str] = field(repr=False)
    refs: Mapping[str, SecretRef]

    @classmethod
    def of(cls, env: Mapping[str, str | SecretRef]) -> Secrets:
        """Takes an environment apart.

        Raises:
            InvalidRequestError: It is no mapping of names, or a value is neither text nor a `SecretRef`.
        """
        if not isinstance(env, Mapping):
            raise InvalidRequestError(f"env is a {type(env).__name__}, not a dict of names and values")
        for name, value in env.items():
            if not isinstance(name, str):
                raise InvalidRequestError(f"the name of an environment variable is a {type(name).__name__}, not text")
            if not isinstance(value, (str, SecretRef)):
                raise InvalidRequestError(
                    f"the value of environment variable {name} is a {type(value).__name__}, not text",
                    hint='env={"NAME": "text"}, or a Secret block: env={"NAME": secret("block")}',
                )
        return cls(
            {name: value for name, value in env.items() if isinstance(value, str)},
            {name: value for name, value in env.items() if isinstance(value, SecretRef)},
        )

    @property
    def placeholders(self) -> dict[str, str]:
        """The environment with nothing in the place of each secret."""
        return {**self.text, **dict.fromkeys(self.refs, "")}

    @property
    def identity(self) -> str:
        """What tells environments with the same names apart, as a digest; a secret counts by its block's name."""
        parts = [sorted(self.text.items()), sorted((name, ref.block) for name, ref in self.refs.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest() if self.text or self.refs else ""

    def reveal(self, request: RunRequest) -> RunRequest:
        """A request with the secrets' values in its environment.

        Raises:
            InvalidRequestError: There is no such block, or its value can't be in an environment.
            InfrastructureError: The blocks could not be read.
        """
        if not self.refs:
            return request
        env = {**request.env, **{name: _read(name, ref) for name, ref in self.refs.items()}}
        check_env(env)
        return request.model_copy(update={"env": env})


def _read(name: str, ref: SecretRef) -> str:
    where = f"the Secret block {ref.block!r} for environment variable {name}"
    try:
        block = Secret.load(ref.block, _sync=True)  # type: ignore[call-arg]
        assert isinstance(block, Secret)
        value = block.get()
    except ValueError:
        # Its text could hold the value, so it is not passed on.
        raise InvalidRequestError(f"{where} does not exist, or can't be read as one") from None
    except Exception as error:
        raise InfrastructureError(f"{where} could not be read: {type(error).__name__}") from None
    if not isinstance(value, str):
        raise InvalidRequestError(f"{where} holds a {type(value).__name__}, not text")
    return value
