"""TLS in front of a simulated Lighthouse, with certificates good and bad."""

import contextlib
import datetime
import ipaddress
import select
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from listener import Listener

_DAY = datetime.timedelta(days=1)


class Authority:
    """Vouches for servers; `trusted_by` says which clients know it."""

    def __init__(self, folder, name="lightkeeper tests"):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._root = self._signed(self._name, self._key, [], ca=True)

    def root_file(self):
        """A PEM file with the certificate of this authority."""
        path = self._folder / "roots.pem"
        path.write_bytes(self._root.public_bytes(serialization.Encoding.PEM))
        return path

    def trusted_by(self, env):
        """Settings with which a process knows this authority and no other.

        The roots are those of `certifi`, which distributions replace by their own in this way.
        """
        roots = self.root_file()
        (self._folder / "certifi.py").write_text(f"def where():\n    return {str(roots)!r}\n")
        path = [str(self._folder), *filter(None, [env.get("PYTHONPATH")])]
        return env | {"PYTHONPATH": ":".join(path)}

    def context(self, *names, days=1, since=-9):
        """What makes a server speak TLS under these names, within these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = self._signed(name, key, names, days=days, since=since)
        path = self._folder / f"{id(key)}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(self, name, key, names, *, ca=False, days=1, since=-9):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since * _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_general(each) for each in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Front(Listener):
    """Serves TLS from `with` to its end, and passes what it is sent on to a port.

    `context` may be changed at any time; `passed_on` counts the bytes that clients sent in it.
    """

    def __init__(self, port, context):
        super().__init__()
        self.context = context
        self.passed_on = 0
        self._behind = port

    def _serve(self, plain):
        # A client that refuses the handshake is what the tests are about.
        with (
            contextlib.suppress(OSError),
            plain,
            self.context.wrap_socket(plain, server_side=True) as sock,
            socket.create_connection(("127.0.0.1", self._behind)) as behind,
        ):
            self._open.append(sock)
            while True:
                readable = [sock] if sock.pending() else select.select([sock, behind], [], [])[0]
                for source in readable:
                    data = source.recv(65_536)
                    if not data:
                        return
                    if source is sock:
                        self.passed_on += len(data)
                    (behind if source is sock else sock).sendall(data)
