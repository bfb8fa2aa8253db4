"""Abuse cases 17 to 19: tokens that are not ours, or not whole."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from common.errors import Code, ParleyError
from common.ids import new_id
from server.infra.crypto.tokenkeys import ROTATE_MS, TokenKeys, forget_token_keys
from server.infra.crypto.tokens import SignedTokens
from tests.support.clock import START_MS, ManualClock

SERVER: Final = "0" * 64
KEY: Final = Ed25519PrivateKey.generate()
USER: Final = new_id()
DEVICE: Final = new_id()
NOW: Final = START_MS // 1_000
KID: Final = str(START_MS)
TOKEN_MS: Final = 600_000


@pytest.fixture
def tokens(tmp_path: Path) -> SignedTokens:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / f"{KID}.pem").write_bytes(pem)
    clock = ManualClock()
    keys = TokenKeys(tmp_path, clock=clock, token_ms=TOKEN_MS)
    return SignedTokens(keys=keys, server_id=SERVER, clock=clock)


def claims(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"iss": SERVER, "aud": SERVER, "sub": USER, "sid": DEVICE, "jti": new_id()}
    whole |= {"iat": NOW, "exp": NOW + 600}
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def signed(payload: dict[str, Any], *, key: Ed25519PrivateKey = KEY, **header: Any) -> str:
    head = {"alg": "Ed25519", "typ": "at+jwt", "kid": KID, **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, payload, OKPKey.import_key(key), algorithms=["Ed25519"])


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def code_of(tokens: SignedTokens, token: str) -> Code:
    with pytest.raises(ParleyError) as refusal:
        tokens.verify(token)
    return refusal.value.code


def test_own_tokens_are_good(tokens: SignedTokens) -> None:
    identity = tokens.verify(tokens.issue(user_id=USER, device_id=DEVICE, lifetime_ms=600_000))
    assert (identity.user_id, identity.device_id, identity.expires_at_s) == (USER, DEVICE, NOW + 600)
    assert tokens.verify(signed(claims())) == identity  # what the other tests change one thing of


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "iat", "exp", "jti"])
def test_every_claim_is_needed(tokens: SignedTokens, name: str) -> None:
    assert code_of(tokens, signed(claims(**{name: None}))) is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "1" * 64},
        {"iss": "1" * 64},
        {"sub": "somebody"},
        {"sid": 7},
        {"exp": "never"},
        {"exp": 1e300},
        {"iat": "now"},
    ],
)
def test_claims_of_another_kind_are_refused(tokens: SignedTokens, change: dict[str, Any]) -> None:
    assert code_of(tokens, signed(claims(**change))) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("kind", [None, "JWT", "rt+jwt"])
def test_another_type_is_refused(tokens: SignedTokens, kind: str | None) -> None:
    assert code_of(tokens, signed(claims(), typ=kind)) is Code.UNAUTHENTICATED


def test_an_expired_token_says_so(tokens: SignedTokens) -> None:
    assert code_of(tokens, signed(claims(exp=NOW))) is Code.TOKEN_EXPIRED


def test_another_key_is_refused_whatever_the_header_says_of_it(tokens: SignedTokens) -> None:
    foreign = Ed25519PrivateKey.generate()
    public = OKPKey.import_key(foreign).as_dict(private=False)
    for header in (
        {},
        {"kid": None},
        {"kid": "../../keys/identity"},
        {"jku": "https://example.com/jwks"},
        {"jwk": public},
    ):
        assert code_of(tokens, signed(claims(), key=foreign, **header)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_no_algorithm_is_refused(tokens: SignedTokens, algorithm: str) -> None:
    bare = f"{part({'alg': algorithm, 'typ': 'at+jwt'})}.{part(claims())}."
    assert code_of(tokens, bare) is Code.UNAUTHENTICATED


def test_the_public_key_is_no_shared_secret(tokens: SignedTokens) -> None:
    secret = OctKey.import_key(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    forged = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims(), secret, algorithms=["HS256"])
    assert code_of(tokens, forged) is Code.UNAUTHENTICATED


def test_a_changed_payload_is_refused(tokens: SignedTokens) -> None:
    head, _, signature = signed(claims()).split(".")
    assert code_of(tokens, f"{head}.{part(claims(sub=new_id()))}.{signature}") is Code.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * 4096, "eyJ.eyJ.eyJ", "\ud800.a.b"])
def test_what_is_no_token_is_refused(tokens: SignedTokens, token: str) -> None:
    assert code_of(tokens, token) is Code.UNAUTHENTICATED


def test_a_new_key_each_month_and_the_old_one_while_its_tokens_live(tmp_path: Path) -> None:
    clock = ManualClock()
    keys = TokenKeys(tmp_path, clock=clock, token_ms=TOKEN_MS)
    tokens = SignedTokens(keys=keys, server_id=SERVER, clock=clock)
    first, _ = keys.current
    clock.advance(ms=ROTATE_MS - 1)
    old = tokens.issue(user_id=USER, device_id=DEVICE, lifetime_ms=TOKEN_MS)
    keys.rotate_if_due()
    assert keys.current[0] == first
    clock.advance(ms=1)
    keys.rotate_if_due()
    second, _ = keys.current
    assert second != first
    assert tokens.verify(old).user_id == USER
    again = TokenKeys(tmp_path, clock=clock, token_ms=TOKEN_MS)
    assert SignedTokens(keys=again, server_id=SERVER, clock=clock).verify(old).user_id == USER
    clock.advance(ms=TOKEN_MS + 1)
    keys.rotate_if_due()
    assert keys.get(first) is None
    assert [path.stem for path in tmp_path.iterdir()] == [second]


def test_after_a_leak_no_token_of_before_is_good(tmp_path: Path) -> None:
    clock = ManualClock()
    before = SignedTokens(
        keys=TokenKeys(tmp_path, clock=clock, token_ms=TOKEN_MS), server_id=SERVER, clock=clock
    )
    old = before.issue(user_id=USER, device_id=DEVICE, lifetime_ms=TOKEN_MS)
    assert forget_token_keys(tmp_path) == 1
    clock.advance(ms=1)
    fresh = TokenKeys(tmp_path, clock=clock, token_ms=TOKEN_MS)
    assert code_of(SignedTokens(keys=fresh, server_id=SERVER, clock=clock), old) is Code.UNAUTHENTICATED
