"""Secrets that are read from files: `…_FILE` variables and systemd credentials."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lightkeeper.config import plain_files

MIN_KEY_BITS: Final = 2048


class WrongSecretFile(ValueError):
    """A file named for a secret cannot be used; the message names the variable and why."""


def read(environ: Mapping[str, str], name: str) -> str | None:
    """The secret for the variable `name` from a file; None where no file is named for it.

    Raises `WrongSecretFile` where the file cannot be read, or the variable is set as well.
    """
    source, path = _found(environ, name)
    if path and source != name and environ.get(name):
        raise WrongSecretFile(f"{name}: set together with {source}: remove one of the two")
    if not path:
        return None
    try:
        secret = plain_files.read_text(path).strip()
    except (OSError, ValueError) as exc:  # ValueError: not UTF-8, or a name with a NUL in it
        reason = exc.strerror if isinstance(exc, OSError) else "not text"
        raise WrongSecretFile(f"{source}: cannot read {_shown(path)}: {reason}") from exc
    if not secret:
        raise WrongSecretFile(f"{source}: {_shown(path)} is empty")
    return secret


def exposed(environ: Mapping[str, str], name: str) -> str | None:
    """What is wrong with the rights of the file with the secret for the variable `name`."""
    source, path = _found(environ, name)
    problem = plain_files.exposed(path) if path else None
    return f"{source}: {problem}" if problem else None


def _found(environ: Mapping[str, str], name: str) -> tuple[str, str | None]:
    """The file with the secret for the variable `name`, and the variable that says so."""
    source = f"{name}_FILE"
    if path := environ.get(source):
        return source, path
    return name, None if environ.get(name) else _credential(environ, name)


def key_problem(pem: str) -> str | None:
    """What is wrong with a private key; None where nothing is."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "must be an unencrypted private key in PEM format"
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        return f"must be an RSA key of at least {MIN_KEY_BITS} bits"
    return None


def _credential(environ: Mapping[str, str], name: str) -> str | None:
    """The systemd credential for a setting: the file named like its variable, in lower case.

    A credential that a reload put into the runtime directory replaces the one of the start.
    """
    runtime = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    folders = (runtime and f"{runtime}/credentials", environ.get("CREDENTIALS_DIRECTORY"))
    paths = [f"{folder}/{name.lower()}" for folder in folders if folder]
    return next(filter(_is_there, paths), None)


def _is_there(path: str) -> bool:
    """Whether the file exists; if that is forbidden to know, reading it gives the reason."""
    try:
        Path(path).stat()
    except OSError as exc:
        return not isinstance(exc, FileNotFoundError | NotADirectoryError)
    return True


def _shown(path: str) -> str:
    """The path, unless it looks like the secret itself, set here by mistake."""
    if path.isprintable() and "://" not in path and len(path) < 256:
        return path
    return "the file (set it to the name of a file, not to the secret itself)"
