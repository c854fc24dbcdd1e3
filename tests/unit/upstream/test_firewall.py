"""A firewall's answer is told from Lighthouse's own, and its support id is found."""

import pytest

from lightkeeper.upstream.firewall import named
from lightkeeper.upstream.http import Response

F5 = (
    b"<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. "
    b"Please consult with your administrator.<br><br>Your support ID is: 1852631410397829843<br>"
    b"<br><a href='javascript:history.back();'>[Go Back]</a></body></html>"
)
SUPPORT_ID = "1852631410397829843"
JSON = b'{"errors":[{"title":"Request Rejected","detail":"Your support ID is: 1852631410397829"}]}'


@pytest.mark.parametrize(
    ("status", "body", "support_id"),
    [
        (403, F5, SUPPORT_ID),
        (200, F5, SUPPORT_ID),
        (503, F5, SUPPORT_ID),
        (404, b"\xef\xbb\xbf \r\n" + F5, SUPPORT_ID),
        (200, JSON, "1852631410397829"),
        (403, JSON, "1852631410397829"),
        (404, JSON, "1852631410397829"),
        (400, JSON.replace(b":", b" : ").replace(b",", b",\n  "), "1852631410397829"),
        (403, b'{"message":"Request blocked","supportId":"ab-12.3f"}', "ab-12.3f"),
        (200, b'{"support_id": "77123", "error": "rejected"}', "77123"),
        (403, b"The requested URL was rejected. Your support ID is: 42424242", "42424242"),
        (
            403,
            b"<H1>Access Denied</H1>\nReference&#32;&#35;18&#46;2d35&#46;155733&#46;a4e",
            "18.2d35.155733.a4e",
        ),
        (403, b"<p>Ray ID: <strong class='x'>8f2b0c1d2e3f4a5b</strong></p>", "8f2b0c1d2e3f4a5b"),
        (200, b"<iframe>Incapsula incident ID: 1193000-4571209</iframe>", "1193000-4571209"),
        (403, b"<p>Give the Support ID <b>77-12345678</b> to your help desk", "77-12345678"),
        (200, b"<p>Access denied. Incident id is 98765432.", "98765432"),
        (200, F5.replace(b"<body>", b"<body><img src=data:" + b"A" * 200_000 + b">"), SUPPORT_ID),
    ],
)
def test_its_support_id_is_named(status, body, support_id):
    """F5's page and JSON in any status, and the pages of other makers."""
    said = named(Response(status, {}, body))

    assert said is not None
    assert f"a firewall or proxy answered {status} in Lighthouse's place" in said
    assert f"(support id {support_id}):" in said


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b"<!doctype html><title>Sign in, Zebediah</title>"),
        (403, b"\n<html>Your support ID is: Zebediah"),
        (200, b"<html><h1>Web Page Blocked!</h1> Category: Zebediah"),
        (401, b"<html>Access denied by the firewall of Zebediah</html>"),
        (407, b"<html>Cache Access Denied, Zebediah"),
        (407, b""),
        (511, b'{"message":"log in, Zebediah"}'),
    ],
)
def test_a_page_without_an_id_is_named_too(status, body):
    """With no word of the page."""
    said = named(Response(status, {}, body), "the OAuth token endpoint's")

    assert said == (
        f"a firewall or proxy answered {status} in the OAuth token endpoint's place "
        "(no support id): ask those who run it to let this host through"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"data":{"statuses":[]}}'),
        (200, b""),
        (200, b"<!doctype html><title>Sorry</title>"),
        (401, b'{"message":"Unauthorized"}'),
        (403, b'{"errors":[{"title":"Forbidden","detail":"scope documents.read is missing"}]}'),
        (403, b""),
        (404, b'{"errors":[{"detail":"Upload Request Async Status Not Found","status":404}]}'),
        (404, b"<html>404 Not Found</html>"),
        (400, b"<html><h1>400 Bad Request</h1><hr>nginx</html>"),
        (500, b'{"errors":[{"title":"Internal Server Error","diagnostics":"abc"}]}'),
        (502, b"<html>502 Bad Gateway</html>"),
        (413, F5),
        (429, F5),
    ],
)
def test_what_may_be_lighthouses_own_is_left_to_it(status, body):
    """Errors in Lighthouse's shapes and its gateway's pages are no firewall's."""
    assert named(Response(status, {}, body)) is None


@pytest.mark.parametrize("piece", [b"<", b"&#", b"support id ", b"reference #", b"'", b"request "])
def test_a_long_page_costs_no_time(piece):
    """However a body is made, looking at it takes a moment."""
    body = b"<" + piece * (1_000_000 // len(piece))

    assert "no support id" in str(named(Response(403, {}, body)))
