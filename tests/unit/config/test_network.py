"""The network's own certificates and its proxy: wrong ones are named before anything starts."""

import os
import ssl

import pytest
from tls_front import Authority

from lightkeeper.config import network


@pytest.fixture
def root(tmp_path):
    """A PEM file with a root certificate."""
    return Authority(tmp_path).root_file()


def test_certificates_are_read_from_among_other_text(root, tmp_path):
    """Comments in any encoding, line ends of Windows and several certificates are taken."""
    pem = root.read_bytes()
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# F\xc3\xbcr VA \xff\n" + pem + b"\r\n" + pem.replace(b"\n", b"\r\n"))

    got = network.certificates(str(bundle))

    assert 2 == got.count("-----BEGIN CERTIFICATE-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=got)
    assert 1 == context.cert_store_stats()["x509_ca"]


KEY = b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n"
WRONG = {
    "empty": (lambda pem: pem[:0], "must hold certificates in PEM format"),
    "DER": (lambda pem: ssl.PEM_cert_to_DER_cert(pem.decode()), "must hold certificates"),
    "text": (lambda pem: pem.replace(b"-", b""), "must hold certificates"),
    "cut": (lambda pem: pem[: len(pem) // 2], "must hold certificates"),
    "with a key": (lambda pem: pem + KEY, "and nothing else"),
    "garbage": (lambda pem: pem.replace(pem[40:60], b"A" * 20), "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named(root, tmp_path, name):
    """What holds no certificate that can be used is refused, with its path and the reason."""
    make, reason = WRONG[name]
    path = tmp_path / "ca.pem"
    path.write_bytes(make(root.read_bytes()))

    with pytest.raises(ValueError, match=reason) as caught:
        network.certificates(str(path))
    assert str(path) in str(caught.value)


def test_what_is_no_file_is_named(root, tmp_path):
    """A missing file, a folder, a device and a pipe are refused at once, and so is PEM itself."""
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "absent.pem", "No such file"),
        (tmp_path, "must be a file"),
        ("/dev/zero", "must be a file"),
        (tmp_path / "pipe", "must be a file"),
        (root.read_text(), "must be the name of a file"),
    ):
        with pytest.raises(ValueError, match=reason) as caught:
            network.certificates(str(path))
        assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://proxy.example.gov:3128", "proxy.example.gov:3128"),
        ("http://10.0.0.1:80/", "10.0.0.1:80"),
        ("http://[::1]:3128", "[::1]:3128"),
        ("http://keeper:p%40ss@proxy:8080", "proxy:8080"),
    ],
)
def test_a_proxy_has_host_and_port(url, address):
    """Its credentials are not shown."""
    assert address == network.address(network.proxy(url))


@pytest.mark.parametrize(
    "url",
    [
        *("proxy:3128", "//proxy:3128", "3128", "http://proxy", "http://:3128", "http://proxy:0"),
        *("https://proxy:3128", "socks5://proxy:1080", "ftp://proxy:21", "http://proxy:65536"),
        *("http://proxy:x", "http://[::1", "http://proxy:1/path", "http://proxy:1?a=SECRET"),
        *("http://u:SECRET#1@proxy:3128", "http://u:SECRET/1@proxy:3128", "http://u:SEC RET@p:1"),
        *("http://pröxy:3128", "http://proxy:3128\n", "http://pro\x1bxy:3128"),
    ],
)
def test_a_wrong_proxy_is_refused(url):
    """The message says what to write, and repeats nothing that may be a password."""
    with pytest.raises(ValueError, match="must be http://host:port") as caught:
        network.proxy(url)

    assert "SECRET" not in str(caught.value)
