"""A client for the simulated Lighthouse that knows nothing of the daemon's own."""

import functools
import json

import jwt
import patience
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

BASE = "/services/benefits-documents/v1"
STATUS = f"{BASE}/uploads/status"
DOCUMENTS = f"{BASE}/documents"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
UPLOAD = {
    "systemName": "VA.gov",
    "docType": "L228",
    "claimId": "123",
    "fileName": "form.pdf",
    "participantId": 600061742,
}


class Client:
    """Calls one Lighthouse with a good token."""

    def __init__(self, lighthouse, session):
        self.lighthouse = lighthouse
        self.session = session
        self.session.trust_env = False  # no proxy between a test and its own server
        self.renew()

    def renew(self, scope="documents.read documents.write"):
        now = self.lighthouse._clock()
        answer = self.grant(claims(now), scope=scope)
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def grant(self, claims, key=None, algorithm="RS256", **form):
        key = key or loaded(self.lighthouse.private_key_pem)
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(claims, key, algorithm),
            "scope": "documents.read",
        }
        return self.session.post(
            self.lighthouse.token_url,
            data=fields | form,
            headers={"Authorization": None},
            timeout=patience.SECONDS,
        )

    def post(self, body, path=STATUS, timeout=patience.SECONDS, **more):
        return self.session.post(self.lighthouse.url + path, json=body, timeout=timeout, **more)

    def ask(self, *ids, **more):
        return self.post({"data": {"requestIds": ids}}, **more)

    def poll_one(self, request_id, **more):
        url = f"{self.lighthouse.url}{BASE}/uploads/{request_id}/status"
        return self.session.get(url, timeout=patience.SECONDS, **more)

    def upload(self, content=b"%PDF-1.7 \r\n\x00\xff", **parameters):
        data = {key: value for key, value in (UPLOAD | parameters).items() if value is not None}
        files = {
            "parameters": (None, json.dumps({"data": data}), "application/json"),
            "file": ("form.pdf", content, "application/pdf"),
        }
        return self.session.post(
            self.lighthouse.url + DOCUMENTS, files=files, timeout=patience.SECONDS
        )


def claims(now, **changes):
    """What a good assertion says, with changes; None leaves a claim out."""
    good = {
        "iss": SimulatedLighthouse.client_id,
        "sub": SimulatedLighthouse.client_id,
        "aud": SimulatedLighthouse.audience,
        "iat": int(now),
        "exp": int(now) + 300,
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


@functools.cache
def loaded(pem):
    """The key itself: reading it takes longer than all the rest of a test."""
    return load_pem_private_key(pem.encode(), None)
