"""Where the API may listen."""

import pytest

from lightkeeper.config.web_address import RULE, parse


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:8526", "http://127.0.0.1:8526"),
        ("127.8.0.1:0", "http://127.8.0.1:0"),
        ("localhost:80", "http://127.0.0.1:80"),
        ("[::1]:8526", "http://[::1]:8526"),
        ("unix:/run/lightkeeper-web/web.sock", "unix:/run/lightkeeper-web/web.sock"),
        ("unix:///run/web.sock", "unix:/run/web.sock"),
        ("unix:web.sock", "unix:web.sock"),
    ],
)
def test_loopback_and_unix_sockets_are_allowed(text, shown):
    """Only this host reaches them."""
    assert shown == str(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0:8526", "[::]:8526", "10.1.2.3:80", "example.org:80", ":8526", "8526", ""),
        *("127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8\u0665"),
        *("unix:", "unix:/", "unix:///", "unix:a\0b", "unix:/" + "a" * 107, "http://127.0.0.1:80"),
    ],
)
def test_anything_else_is_refused_with_the_rule(text):
    """There is no TLS: what other hosts reach needs a proxy."""
    with pytest.raises(ValueError, match=RULE.replace(".", r"\.")):
        parse(text)
