"""Answers that did harm somewhere once, or are made to, and marks that must not get about."""

import zlib

IDS = (600_000_001, 600_000_002, 600_000_003, 600_000_004)
TOKEN = "aT0ken0fTheFuzz-0123456789_abcdefghijklmnop"
MARKS = (
    "Zebediah Quartermaine",
    "Zebediah_Quartermaine_DD214.pdf",
    "1012667145V762142",
    "796-04-3735",
    TOKEN,
)
WORDS = (
    b"SUCCESS",
    b"FAILED",
    b"IN_PROGRESS",
    b"CLAIMS_EVIDENCE",
    b"BENEFITS_GATEWAY_SERVICE",
    b"REMOVE_FILE_BINARY",
    b"600000001",
    b"600000002",
    b"NOT_STARTED",
    b"600000003",
    b"requestIdsNotFound",
)
PIECES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\\u0000",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b"[" * 2_000,
    b'{"a":' * 600,
    b'"' * 3,
    b",",
    b"\xe2\x80\xae",
    b'"status":"SUCCESS",',
    b'"requestId":600000001,',
)


def gzip_bomb(megabytes: int) -> bytes:
    """The begin of a gzip stream that unpacks to so many million zeros, quickly made."""
    packer = zlib.compressobj(wbits=31)
    first, next_one = (
        packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    return first + next_one * (megabytes - 1)


def _about(request_id: bytes, rest: bytes) -> bytes:
    return b'{"data":{"statuses":[{"requestId":%b,%b}]}}' % (request_id, rest)


_STEPS = (
    b'"steps":[{"name":"CLAIMS_EVIDENCE","status":"%b"},'
    b'{"name":"BENEFITS_GATEWAY_SERVICE","status":"%b"},'
    b'{"name":"REMOVE_FILE_BINARY","status":"%b"}]'
)
_MARKED = b'"error":{"detail":"Zebediah Quartermaine, ICN 1012667145V762142","step":%b}'

BODIES = (
    b"",
    b"null",
    b"{}",
    b"[]",
    b'"SUCCESS"',
    b'{"data":null}',
    b'{"data":{}}',
    b'{"data":[]}',
    b'{"data":{"statuses":{"600000001":"SUCCESS"}}}',
    b'{"data":{"statuses":["SUCCESS",600000001,null,[]]}}',
    b'{"data":{"statuses":[],"requestIdsNotFound":[600000001,"600000002",3,null]}}',
    b"<!doctype html><title>SUCCESS Zebediah Quartermaine</title>",
    _about(b"600000001", b'"status":"SUCCESS"'),
    _about(b'"600000001"', b'"status":"SUCCESS"'),
    _about(b"600000001.0", b'"status":"SUCCESS"'),
    _about(b"true", b'"status":"SUCCESS"'),
    _about(b"null", b'"status":"SUCCESS"'),
    _about(b"[600000001]", b'"status":"SUCCESS"'),
    _about(b"600000009", b'"status":"SUCCESS"'),
    _about(b"600000001", b'"status":"FAILED","requestId":600000002'),
    _about(b"600000001", b'"status":"SUCCESS","status":"FAILED"'),
    _about(b"600000001", b'"status":["SUCCESS"]'),
    _about(b"600000001", b'"status":{"SUCCESS":true}'),
    _about(b"600000001", b'"status":"SUCC\\u0000ESS"'),
    _about(b"600000001", b'"status":"\\ud800SUCCESS"'),
    _about(b"600000001", b'"Status":"SUCCESS"'),
    _about(b"600000001", b'"status":"FAILED",' + _MARKED % b'"CLAIMS_EVIDENCE"'),
    _about(b"600000002", b'"status":"FAILED",' + _MARKED % b"null"),
    _about(b"600000003", b'"status":"FAILED",' + _STEPS % (b"SUCCESS", b"SUCCESS", b"FAILED")),
    _about(b"600000003", b'"status":"FAILED",' + _STEPS % (b"SUCCESS", b"FAILED", b"FAILED")),
    _about(b"600000003", b'"status":"FAILED",' + _STEPS % (b"FAILED", b"SUCCESS", b"SUCCESS")),
    _about(b"600000003", b'"status":"FAILED","error":{"step":"REMOVE_FILE_BINARY"}'),
    _about(
        b"600000003",
        b'"status":"FAILED","error":{"step":"REMOVE_FILE_BINARY"},'
        + _STEPS % (b"SUCCESS", b"NOT_STARTED", b"FAILED"),
    ),
    _about(b"600000004", b'"status":"SUCCESS",' + _STEPS % (b"FAILED", b"FAILED", b"FAILED")),
    _about(b"600000004", b'"status":"IN_PROGRESS",' + _STEPS % ((b"SUCCESS",) * 3)),
    _about(b"600000004", b'"status":"FAILED","steps":"SUCCESS",' + _MARKED % b'"NOWHERE"'),
    _about(b"600000001", b'"status":"FAILED"},{"requestId":600000001,"status":"SUCCESS"'),
    _about(b"600000001", b'"status":"SUCCESS"},{"requestId":600000001,"status":"FAILED"'),
    _about(b"600000002", b'"status":"SUCCESS","time":{"startTime":1e308,"endTime":-1}'),
    _about(b"600000002", b'"status":"SUCCESS","time":{"startTime":9999999999999999999999}'),
    _about(b"600000002", b'"status":"SUCCESS","x":' + b"[" * 3_000 + b"]" * 3_000),
    _about(b"600000002", b'"status":"SUCCESS","x":"' + b"y" * 15_000 + b'"'),
    _about(b"600000002", b'"status":"' + b"S" * 15_000 + b'"'),
    _about(b"6" * 5_000, b'"status":"SUCCESS"'),
    b'{"data":{"requestId":600000001,"status":"SUCCESS"}}',
    b'{"data":{"requestId":"600000002","status":"FAILED"}}',
    b'{"errors":[{"detail":"no Zebediah Quartermaine","status":404,"title":"Not Found",'
    b'"instance":"796-04-3735 of Zebediah Quartermaine","diagnostics":"d"}]}',
    b'{"message":"%b is no token for Zebediah_Quartermaine_DD214.pdf"}' % TOKEN.encode(),
)
