"""What Lighthouse requires of an upload (`POST /documents`)."""

import email.message
import email.parser
import email.policy
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

import orjson

FILE_TYPES: Final = frozenset({"pdf", "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "txt"})

_LONGEST_FILE_NAME = 256
_LONGEST_VALIDATION_TOKEN = 64
_TEXTS = ("systemName", "docType", "fileName")
_INT64 = 2**63


def refusal(content_type: str, body: bytes) -> str | None:
    """Why Lighthouse refuses this body; None when it takes it."""
    parts = _parts(content_type, body)
    if "parameters" not in parts or "file" not in parts:
        return "The body has to be multipart/form-data with the parts 'parameters' and 'file'"
    if parts["parameters"].get_content_type() != "application/json":
        return "The part 'parameters' has to be application/json"
    try:
        parameters = orjson.loads(_content(parts["parameters"]))
    except orjson.JSONDecodeError:
        return "The part 'parameters' is no JSON"
    if not isinstance(parameters, dict) or not isinstance(data := parameters.get("data"), dict):
        return "The part 'parameters' has to be an object with 'data'"
    if not _content(parts["file"]):
        return "The file is empty"
    return _fault(data)


def is_int64(value: Any, least: int = -_INT64) -> bool:
    """Whether it is an integer, or digits that make one, that Lighthouse can hold."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    return type(value) is int and least <= value < _INT64


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_int64, value))


def _is_validation_token(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_VALIDATION_TOKEN


_OPTIONAL: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "participantId": (is_int64, "a number"),
    "fileNumber": (_is_text, "text"),
    "trackedItemIds": (_are_ids, "a list of numbers"),
    "validationToken": (
        _is_validation_token,
        f"text of at most {_LONGEST_VALIDATION_TOKEN} characters",
    ),
}


def _fault(data: dict[str, Any]) -> str | None:
    for name in _TEXTS:
        if not isinstance(data.get(name), str) or not data[name]:
            return f"{name} is required and has to be text"
    if not is_int64(data.get("claimId"), least=1):
        return "claimId is required and has to be a number"
    if not data.keys() & {"participantId", "fileNumber"}:
        return "Either participantId or fileNumber is required"
    for name, (is_good, words) in _OPTIONAL.items():
        if name in data and not is_good(data[name]):
            return f"{name} has to be {words}"
    if len(data["fileName"]) > _LONGEST_FILE_NAME:
        return f"fileName may have {_LONGEST_FILE_NAME} characters"
    if PurePath(data["fileName"]).suffix.lower().removeprefix(".") not in FILE_TYPES:
        return f"The file type has to be one of {', '.join(sorted(FILE_TYPES))}"
    return None


def _parts(content_type: str, body: bytes) -> dict[str, email.message.EmailMessage]:
    if not content_type.lower().startswith("multipart/form-data"):
        return {}
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    message = email.parser.BytesParser(
        email.message.EmailMessage, policy=email.policy.HTTP
    ).parsebytes(head + body)
    return {
        str(part.get_param("name", header="content-disposition")): part
        for part in message.iter_parts()
        if isinstance(part, email.message.EmailMessage)
    }


def _content(part: email.message.EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
