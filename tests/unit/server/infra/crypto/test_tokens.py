"""Abuse cases 17 to 19: tokens that are not ours, or not whole."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from common.errors import Code, ParleyError
from common.ids import new_id
from server.infra.crypto.identity import Sealer
from server.infra.crypto.tokenkeys import AHEAD_MS, LOOK_MS, ROTATE_MS, TokenKeys, forget_token_keys
from server.infra.crypto.tokens import SignedTokens
from server.kernel.database import Database, DatabaseUnavailableError, Row, Tx
from server.kernel.failures import OperatorError
from server.kernel.meta import claim
from tests.contract.adapters import DATABASES
from tests.support.clock import START_MS, ManualClock
from tests.support.wait import until

SERVER: Final = "0" * 64
KEY: Final = Ed25519PrivateKey.generate()
USER: Final = new_id()
DEVICE: Final = new_id()
NOW: Final = START_MS // 1_000
KID: Final = str(START_MS)
TOKEN_MS: Final = 600_000
SEALER: Final = Sealer(b"k" * 32)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with DATABASES["sqlite"](tmp_path) as opened:
        yield opened


class Process:
    """One of those that share a server's keys."""

    def __init__(self, database: Database, clock: ManualClock, *, sealer: Sealer = SEALER) -> None:
        self.keys = TokenKeys(database, sealer=sealer, clock=clock, token_ms=TOKEN_MS)
        self.tokens = SignedTokens(keys=self.keys, server_id=SERVER, clock=clock)

    def issue(self) -> str:
        return self.tokens.issue(user_id=USER, device_id=DEVICE, lifetime_ms=TOKEN_MS)


@pytest.fixture
async def tokens(database: Database) -> SignedTokens:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    sealed = SEALER.seal(pem, f"parley token key {KID}".encode())

    async def add(tx: Tx) -> None:
        await tx.execute("INSERT INTO token_keys (starts_at_ms, sealed) VALUES ($1, $2)", START_MS, sealed)

    await database.write(add)
    process = Process(database, ManualClock())
    await process.keys.look()
    return process.tokens


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


async def code_of(tokens: SignedTokens, token: str) -> Code:
    with pytest.raises(ParleyError) as refusal:
        await tokens.verify(token)
    return refusal.value.code


async def test_own_tokens_are_good(tokens: SignedTokens) -> None:
    identity = await tokens.verify(tokens.issue(user_id=USER, device_id=DEVICE, lifetime_ms=600_000))
    assert (identity.user_id, identity.device_id, identity.expires_at_s) == (USER, DEVICE, NOW + 600)
    assert await tokens.verify(signed(claims())) == identity  # what the other tests change one thing of


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "iat", "exp", "jti"])
async def test_every_claim_is_needed(tokens: SignedTokens, name: str) -> None:
    assert await code_of(tokens, signed(claims(**{name: None}))) is Code.UNAUTHENTICATED


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
async def test_claims_of_another_kind_are_refused(tokens: SignedTokens, change: dict[str, Any]) -> None:
    assert await code_of(tokens, signed(claims(**change))) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("kind", [None, "JWT", "rt+jwt"])
async def test_another_type_is_refused(tokens: SignedTokens, kind: str | None) -> None:
    assert await code_of(tokens, signed(claims(), typ=kind)) is Code.UNAUTHENTICATED


async def test_an_expired_token_says_so(tokens: SignedTokens) -> None:
    assert await code_of(tokens, signed(claims(exp=NOW))) is Code.TOKEN_EXPIRED


async def test_another_key_is_refused_whatever_the_header_says_of_it(tokens: SignedTokens) -> None:
    foreign = Ed25519PrivateKey.generate()
    public = OKPKey.import_key(foreign).as_dict(private=False)
    for header in (
        {},
        {"kid": None},
        {"kid": "../../keys/identity"},
        {"jku": "https://example.com/jwks"},
        {"jwk": public},
    ):
        assert await code_of(tokens, signed(claims(), key=foreign, **header)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
async def test_no_algorithm_is_refused(tokens: SignedTokens, algorithm: str) -> None:
    bare = f"{part({'alg': algorithm, 'typ': 'at+jwt'})}.{part(claims())}."
    assert await code_of(tokens, bare) is Code.UNAUTHENTICATED


async def test_the_public_key_is_no_shared_secret(tokens: SignedTokens) -> None:
    secret = OctKey.import_key(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    forged = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims(), secret, algorithms=["HS256"])
    assert await code_of(tokens, forged) is Code.UNAUTHENTICATED


async def test_a_changed_payload_is_refused(tokens: SignedTokens) -> None:
    head, _, signature = signed(claims()).split(".")
    assert await code_of(tokens, f"{head}.{part(claims(sub=new_id()))}.{signature}") is Code.UNAUTHENTICATED


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "x" * 4096, "eyJ.eyJ.eyJ", "\ud800.a.b"])
async def test_what_is_no_token_is_refused(tokens: SignedTokens, token: str) -> None:
    assert await code_of(tokens, token) is Code.UNAUTHENTICATED


async def test_a_new_key_each_month_and_the_old_one_while_its_tokens_live(database: Database) -> None:
    clock = ManualClock()
    process = Process(database, clock)
    await process.keys.look()
    first, _ = process.keys.current
    clock.advance(ms=ROTATE_MS - AHEAD_MS - 1)
    await process.keys.look()
    assert await kids(database) == [first]
    clock.advance(ms=1)
    await process.keys.look()
    # A day before it is used it is there for all to see.
    assert len(await kids(database)) == 2
    assert process.keys.current[0] == first
    clock.advance(ms=AHEAD_MS - 1)
    old = process.issue()
    clock.advance(ms=1)
    second, _ = process.keys.current
    assert second != first
    assert (await process.tokens.verify(old)).user_id == USER
    again = Process(database, clock)
    await again.keys.look()
    assert (await again.tokens.verify(old)).user_id == USER
    clock.advance(ms=TOKEN_MS + LOOK_MS + 1)
    await process.keys.look()
    assert process.keys.get(first) is None
    assert await kids(database) == [second]


async def test_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    clock = ManualClock()
    async with DATABASES["postgres"](tmp_path) as database:
        await database.write(claim, SERVER)
        processes = [Process(database, clock) for _ in range(8)]
        await asyncio.gather(*(process.keys.look() for process in processes))
        token = processes[0].issue()
        for process in processes:
            assert (await process.tokens.verify(token)).user_id == USER


async def test_after_a_leak_no_token_of_before_is_good(database: Database) -> None:
    clock = ManualClock()
    before, elsewhere = Process(database, clock), Process(database, clock)
    for process in (before, elsewhere):
        await process.keys.look()
    old = before.issue()
    assert await database.write(forget_token_keys) == 1
    clock.advance(ms=LOOK_MS)
    await before.keys.look()
    assert await code_of(before.tokens, old) is Code.UNAUTHENTICATED
    # A key that another process made is found when a token first names it.
    assert (await elsewhere.tokens.verify(before.issue())).user_id == USER
    assert await code_of(elsewhere.tokens, old) is Code.UNAUTHENTICATED


async def test_unknown_names_of_keys_do_not_make_it_look_again_and_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    process = Process(database, clock)
    await process.keys.look()
    looks = 0

    async def counted() -> None:
        nonlocal looks
        looks += 1

    monkeypatch.setattr(process.keys, "_look", counted)
    for number in range(20):
        assert await code_of(process.tokens, signed(claims(), kid=str(number))) is Code.UNAUTHENTICATED
    assert looks == 0
    clock.advance(ms=1_000)
    assert await code_of(process.tokens, signed(claims(), kid="9" * 40)) is Code.UNAUTHENTICATED
    assert looks == 1


@pytest.mark.parametrize("away", [False, True])
async def test_of_many_unknown_tokens_at_once_one_reads_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    clock = ManualClock()
    process = Process(database, clock)
    await process.keys.look()
    reads, gate = 0, asyncio.Event()
    read = database.read

    async def slow(body: Any, *args: Any) -> Any:
        nonlocal reads
        reads += 1
        await gate.wait()
        if away:
            raise DatabaseUnavailableError
        return await read(body, *args)

    monkeypatch.setattr(database, "read", slow)
    clock.advance(ms=1_000)
    tries = [
        asyncio.ensure_future(code_of(process.tokens, signed(claims(), kid=str(number))))
        for number in range(20)
    ]
    await until(lambda: reads == 1)
    gate.set()
    # Not "unauthenticated" where it could not be seen: whoever was told that would sign out.
    expected = Code.UNAVAILABLE if away else Code.UNAUTHENTICATED
    assert set(await asyncio.gather(*tries)) == {expected}
    assert await code_of(process.tokens, signed(claims(), kid="7")) is expected
    assert reads == 1
    monkeypatch.undo()
    clock.advance(ms=1_000)
    assert await code_of(process.tokens, signed(claims(), kid="7")) is Code.UNAUTHENTICATED


async def test_keys_of_another_server_are_an_error_in_words(database: Database) -> None:
    await Process(database, ManualClock()).keys.look()
    with pytest.raises(OperatorError, match="another server's"):
        await Process(database, ManualClock(), sealer=Sealer(b"x" * 32)).keys.look()


async def kids(database: Database) -> list[str]:
    async def body(tx: Tx) -> list[Row]:
        return list(await tx.fetch("SELECT starts_at_ms FROM token_keys ORDER BY starts_at_ms"))

    return [str(row[0]) for row in await database.read(body)]
