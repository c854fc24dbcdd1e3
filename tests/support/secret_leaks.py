"""Every key, assertion and token that what is simulated made or saw, to search for.

`watch` is called once; from then on `found_in` knows what must be in no log, packet or database.
"""

import re
import urllib.parse

import orjson

from lightkeeper.config import api_tokens
from lightkeeper.simulation.agent import server as agent
from lightkeeper.simulation.datadog import server as datadog
from lightkeeper.simulation.lighthouse import tokens

_PIECE = 24
_RUN = re.compile(rf"[\w+/=-]{{{_PIECE},}}", re.ASCII)  # what tokens, signatures, keys consist of

# A leak of any stretch twice as long holds one of these whole.
_pieces: dict[str, str] = {}
_packets: list[bytes] = []


def watch():
    """Take note of all secrets and packets from now on."""
    _note_calls(tokens.TokenIssuer, "answer", _exchanged)
    _note_calls(tokens, "private_key_pem", _key_made)
    _note_calls(api_tokens, "made", _token_made)
    _note_calls(agent, "parse", _received)
    _note_calls(datadog.SimulatedDatadog, "start", _opened)


def _note_calls(owner, name, note):
    real = getattr(owner, name)

    def noted(*args):
        result = None
        try:
            result = real(*args)
        finally:
            note(result, *args)
        return result

    setattr(owner, name, noted)


def _received(_signals, datagram):
    _packets.append(datagram)


def _exchanged(reply, _desk, request):
    form = urllib.parse.parse_qs(request.body.decode("utf-8", "replace"))
    for assertion in form.get("client_assertion", ()):
        for part in assertion.split(".")[1:]:  # the first is the same for everybody
            _register("an assertion", part)
    token = orjson.loads(reply.body).get("access_token")
    if token is not None:
        _register("a token", token)


def _opened(_nothing, account):
    for key in (account.api_key, account.app_key):
        _register("a key of Datadog's", key)


def _key_made(pem):
    for line in pem.splitlines()[2:-1]:  # the first begins as every such key does
        _register("the private key", line)


def _token_made(made, *_):
    _register("a token of the API", made[1].rpartition("_")[2])


def _register(what, secret):
    for at in range(0, len(secret) - _PIECE + 1, _PIECE):
        _pieces[secret[at : at + _PIECE]] = what
    if len(secret) >= _PIECE:
        _pieces[secret[-_PIECE:]] = what


def found_in(text):
    """What of the secrets is in `text` (or bytes), by kind; the secret itself is not repeated."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    found = set()
    for run in _RUN.findall(text):
        for at in range(len(run) - _PIECE + 1):
            if what := _pieces.get(run[at : at + _PIECE]):
                found.add(what)
    return found


def refuse(text, where="the output"):
    """Raise AssertionError where a secret stands in `text`."""
    found = found_in(text)
    assert not found, f"{where} contains {' and '.join(sorted(found))}"


def found_in_packets():
    """What of the secrets is in the packets that Agents received since the last call of this."""
    packets = _packets.copy()
    del _packets[: len(packets)]
    return found_in(b"\n".join(packets))
