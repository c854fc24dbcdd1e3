"""Whether an exchange keeps a contract: the project's own in `contract/`, or the published one.

An operation is named as the contract names it: ("post", "/uploads/status").
"""

import email.message
import email.parser
import email.policy
import json
import re
import urllib.parse
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

FOLDER = Path(__file__).parent / "contract"
OWN_FILE = FOLDER / "benefits_documents.openapi.json"
EXAMPLES = sorted(path.stem for path in (FOLDER / "examples").glob("*.json"))

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# Any HTTP answer may have these; a contract does not speak of them.
_OF_THE_TRANSPORT = {"content-type", "content-length", "connection"}

Operation = tuple[str, str]


class SentRequest(NamedTuple):
    """A request as it goes over the wire; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class ReceivedAnswer(NamedTuple):
    """An answer as it comes over the wire; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Offence(NamedTuple):
    """One way in which an exchange breaks the contract, and the value that does."""

    reason: str
    value: Any = None


class Contract:
    """An OpenAPI document, closed against anything it does not name.

    `waived` are members that it demands and that real answers leave out.
    """

    def __init__(self, document: dict[str, Any], waived: Collection[str] = ()) -> None:
        self._document = _closed(document, waived)
        self._names_headers = "headers" in document["components"]

    @property
    def operations(self) -> list[Operation]:
        """Every operation."""
        return [
            (method, path)
            for path, item in self._document["paths"].items()
            for method in item.keys() & {"get", "post"}
        ]

    def declares(self, operation: Operation) -> set[str]:
        """The statuses that the contract has for an operation."""
        return set(self._declared(operation)["responses"])

    def operation_of(self, request: SentRequest) -> Operation | None:
        """The operation that a request is meant for."""
        found = self._operation(request.method, urllib.parse.urlsplit(request.target).path)
        return None if found is None else found[0]

    def answer_offences(self, operation: Operation, answer: ReceivedAnswer) -> list[Offence]:
        """How an answer breaks what the contract has for its status."""
        declared = self._declared(operation)["responses"].get(str(answer.status))
        if declared is None:
            return [Offence("no such status", answer.status)]
        declared = self._resolved(declared)
        return [
            *self._header_offences(declared.get("headers", {}), answer.headers),
            *self._body_offences(declared["content"], answer.headers, answer.body),
        ]

    def request_offences(self, request: SentRequest) -> list[Offence]:
        """How a request breaks what the contract has for its method and path."""
        target = urllib.parse.urlsplit(request.target)
        found = self._operation(request.method, target.path)
        if found is None:
            return [Offence("no such operation", f"{request.method} {target.path}")]
        operation, values = found
        values |= {("query", *pair) for pair in urllib.parse.parse_qsl(target.query)}
        declared = self._declared(operation)
        offences = self._parameter_offences(declared.get("parameters", ()), values)
        bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
        if declared["security"] and not bearer:
            offences.append(Offence("no bearer token"))
        if "requestBody" in declared:
            content = declared["requestBody"]["content"]
            offences += self._body_offences(content, request.headers, request.body)
        elif request.body:
            offences.append(Offence("a body where none belongs", request.body))
        return offences

    def _declared(self, operation: Operation) -> dict[str, Any]:
        method, path = operation
        return self._document["paths"][path][method]

    def _operation(
        self, method: str, path: str
    ) -> tuple[Operation, set[tuple[str, str, str]]] | None:
        """The operation at an address, and what the address says: (place, name, value)."""
        for operation in self.operations:
            item = self._document["paths"][operation[1]]
            servers = item.get("servers", self._document["servers"])
            bases = {urllib.parse.urlsplit(server["url"]).path for server in servers}
            pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation[1])
            for base in bases:
                found = re.fullmatch(base + pattern, path)
                if found and operation[0] == method.lower():
                    return operation, {("path", *pair) for pair in found.groupdict().items()}
        return None

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            _, *names = node["$ref"].split("/")
            node = self._document
            for name in names:
                node = node[name]
        return node

    def _parameter_offences(
        self, parameters: Collection[dict[str, Any]], values: set[tuple[str, str, str]]
    ) -> list[Offence]:
        resolved = [self._resolved(parameter) for parameter in parameters]
        schemas = {(declared["in"], declared["name"]): declared["schema"] for declared in resolved}
        offences = []
        for place, name, text in values:
            if schema := schemas.get((place, name)):
                offences += self._value_offences(schema, _typed(text))
            else:
                offences.append(Offence(f"no such {place} parameter", name))
        return offences

    def _header_offences(
        self, declared: Mapping[str, Any], headers: Mapping[str, str]
    ) -> list[Offence]:
        if not self._names_headers:
            return []
        schemas = {
            name.lower(): self._resolved(header)["schema"] for name, header in declared.items()
        }
        offences = []
        for name in headers.keys() - _OF_THE_TRANSPORT:
            if schema := schemas.get(name):
                offences += self._value_offences(schema, _typed(headers[name]))
            else:
                offences.append(Offence("no such header", name))
        return offences

    def _body_offences(
        self, content: Mapping[str, Any], headers: Mapping[str, str], body: bytes
    ) -> list[Offence]:
        content_type = headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip()
        if kind not in content:
            return [Offence("no such content type", content_type)]
        try:
            value = _decoded(kind, content_type, body)
        except ValueError as exc:
            return [Offence(f"no {kind}: {exc}", body)]
        return self._value_offences(content[kind]["schema"], value)

    def _value_offences(self, schema: dict[str, Any], value: Any) -> list[Offence]:
        validator = jsonschema.Draft202012Validator(
            schema | {"components": self._document["components"]}, format_checker=_FORMATS
        )
        return [Offence(error.message, error.instance) for error in validator.iter_errors(value)]


def own_document() -> dict[str, Any]:
    """The project's own contract as it is written."""
    return json.loads(OWN_FILE.read_text())


def own() -> Contract:
    """The project's own contract."""
    return Contract(own_document())


def example(name: str) -> dict[str, Any]:
    """One example: what it is about, the request, and the answer to it."""
    return json.loads((FOLDER / "examples" / f"{name}.json").read_text())


def example_request(described: Mapping[str, Any], token: str = "token") -> SentRequest:
    """The request of an example as it goes over the wire."""
    headers = {name.lower(): value for name, value in described.get("headers", {}).items()}
    if "/oauth2/" not in described["path"]:
        headers["authorization"] = f"Bearer {token}"
    if headers.get("content-type") == FORM:
        body = urllib.parse.urlencode(described["body"]).encode()
    elif headers.get("content-type", "").startswith(MULTIPART):
        body = b"\r\n".join([*_multipart(described["body"]), b"--example--", b""])
    else:
        body = json.dumps(described["body"]).encode() if "body" in described else b""
    return SentRequest(described["method"], described["path"], headers, body)


def example_response(described: Mapping[str, Any]) -> ReceivedAnswer:
    """The answer of an example as it comes over the wire."""
    headers = {name.lower(): value for name, value in described["headers"].items()}
    return ReceivedAnswer(described["status"], headers, json.dumps(described["body"]).encode())


def sent(prepared: Any) -> SentRequest:
    """What `requests` sent: `answer.request`."""
    headers = {name.lower(): value for name, value in prepared.headers.items()}
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    return SentRequest(prepared.method, prepared.path_url, headers, body)


def received(answer: Any) -> ReceivedAnswer:
    """What `requests` received."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return ReceivedAnswer(answer.status_code, headers, answer.content)


def _closed(node: Any, waived: Collection[str]) -> Any:
    """The same, closed against members that it does not name, and without what is waived."""
    if isinstance(node, list):
        return [_closed(item, waived) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _closed(value, waived) for key, value in node.items()}
    if isinstance(closed.get("properties"), dict):
        closed["additionalProperties"] = False
    if isinstance(closed.get("required"), list):
        closed["required"] = [name for name in closed["required"] if name not in waived]
    return closed


def _typed(text: str) -> Any:
    """The value that stands in a header, a path or a query."""
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if re.fullmatch("-?[0-9]+", text) else text


def _decoded(kind: str, content_type: str, body: bytes) -> Any:
    if kind == JSON:
        return json.loads(body)
    if kind == FORM:
        return dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
    return dict(_parts(content_type, body))


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, Any]]:
    """The parts of a multipart body by name; those of JSON as the value they hold."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parser = email.parser.BytesParser(email.message.EmailMessage, policy=email.policy.HTTP)
    for part in parser.parsebytes(head + body).iter_parts():
        content = part.get_payload(decode=True)
        is_json = part.get_content_type() == JSON
        value = json.loads(content) if is_json else content.decode("latin-1")
        yield str(part.get_param("name", header="content-disposition")), value


def _multipart(parts: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in parts.items():
        is_json = not isinstance(value, str)
        kind = JSON if is_json else "application/octet-stream"
        content = json.dumps(value) if is_json else value
        yield (
            f'--example\r\nContent-Disposition: form-data; name="{name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n{content}"
        ).encode()


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("int64")
def _is_int64(value: Any) -> bool:
    return _fits(value, 63)


@_FORMATS.checks("int32")
def _is_int32(value: Any) -> bool:
    return _fits(value, 31)


def _fits(value: Any, bits: int) -> bool:
    """Whether a number, or digits in a text, is within its bits; of no other value it speaks."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return not isinstance(value, int) or -(2**bits) <= value < 2**bits
