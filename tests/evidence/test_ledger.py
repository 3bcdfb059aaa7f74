"""The chain of evidence: nothing in it can be changed, moved or left out without being noticed."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.store import Signer
from evidence import ledger
from evidence.ledger import Chain, KeyRing, check_chain
from schemas.errors import VerificationFailed

SIGNER = Signer.generate()
OTHER = Signer.generate()


def written(chain: list[bytes], kind: str, body: Any, *, signer: Signer = SIGNER, at: str | None = None) -> bytes:
    """The next entry of a chain."""
    seq = len(chain) + 1
    unsigned = ledger.unsigned_entry(
        seq=seq,
        previous=ledger.digest(chain[-1]) if chain else None,
        recorded_at=at or f"2026-05-01T00:{seq:02d}:00.000000Z",
        kind=kind,
        key_id=signer.key_id,
        body=body,
    )
    return ledger.with_signature(unsigned, signer.sign(unsigned))


def born(signer: Signer = SIGNER) -> list[bytes]:
    body = {"store_id": "s", "simulated": True, "public_key": signer.public_key, "product_version": "1"}
    return [written([], "store", body, signer=signer)]


def chain_of(length: int) -> list[bytes]:
    chain = born()
    while len(chain) < length:
        chain.append(written(chain, "record", {"n": len(chain), "text": 'Grüße, "kind":"key"}', "f": 0.1}))
    return chain


CHAIN = chain_of(5)
DIGESTS = dict(enumerate(map(ledger.digest, CHAIN), start=1))


def changed_key(action: str, signer: Signer) -> dict[str, str]:
    return {"action": action, "key_id": signer.key_id, "public_key": signer.public_key, "reason": "new machine"}


def test_a_whole_chain_passes_and_leads_to_its_last_entry() -> None:
    chain, keys = check_chain(CHAIN)
    assert chain.seq == 5
    assert chain.digest == ledger.digest(CHAIN[-1])
    assert keys.is_in_force(SIGNER.key_id)


def test_an_entry_is_canonical_json_signed_over_everything_but_the_signature() -> None:
    entry = orjson.loads(CHAIN[2])
    assert ledger.canonical(entry) == CHAIN[2]
    assert list(entry) == sorted(entry)
    assert b"\n" not in CHAIN[2]
    signature = entry.pop("signature")
    assert ledger.verify_signature(SIGNER.public_key, signature, ledger.canonical(entry))
    assert entry["previous"] == ledger.digest(CHAIN[1])


@given(st.integers(0, len(CHAIN) - 1), st.data())
@settings(max_examples=400, deadline=None)
def test_any_single_byte_changed_anywhere_is_noticed(number: int, data: st.DataObject) -> None:
    entry = bytearray(CHAIN[number])
    position = data.draw(st.integers(0, len(entry) - 1))
    entry[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != entry[position]))
    with pytest.raises(VerificationFailed):
        check_chain([*CHAIN[:number], bytes(entry), *CHAIN[number + 1 :]])


@given(st.integers(0, len(CHAIN) - 1), st.data())
@settings(max_examples=200, deadline=None)
def test_any_byte_put_in_or_taken_out_is_noticed(number: int, data: st.DataObject) -> None:
    entry = CHAIN[number]
    position = data.draw(st.integers(0, len(entry) - 1))
    extra = data.draw(st.binary(min_size=0, max_size=2))
    altered = entry[:position] + extra + entry[position + (not extra) :]
    with pytest.raises(VerificationFailed):
        check_chain([*CHAIN[:number], altered, *CHAIN[number + 1 :]])


@given(st.permutations(CHAIN).filter(lambda order: order != CHAIN))
@settings(max_examples=100, deadline=None)
def test_any_other_order_is_noticed(order: list[bytes]) -> None:
    with pytest.raises(VerificationFailed):
        check_chain(order)


@given(st.sets(st.integers(0, len(CHAIN) - 1), min_size=1))
@settings(max_examples=100, deadline=None)
def test_any_removal_is_noticed_by_whoever_knows_the_head(removed: set[int]) -> None:
    left = [entry for number, entry in enumerate(CHAIN) if number not in removed]
    with pytest.raises(VerificationFailed):
        check_chain(left, expect_head=ledger.digest(CHAIN[-1]))


def test_an_ancestor_of_the_head_is_expected_as_well() -> None:
    check_chain(CHAIN, expect_head=ledger.digest(CHAIN[1]))
    with pytest.raises(VerificationFailed, match="cut off or rewritten"):
        check_chain(CHAIN, expect_head="sha256:" + "0" * 64)


def test_the_end_of_the_signature_text_has_no_bits_to_spare() -> None:
    # The last digit of 64 bytes in base64 has four unused bits; another digit there would decode to the same signature.
    entry = CHAIN[-1]
    digit = entry[-5:-4].decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = alphabet[alphabet.index(digit) ^ 1]
    altered = entry[:-5] + twin.encode() + entry[-4:]
    old, new = orjson.loads(entry)["signature"], orjson.loads(altered)["signature"]
    assert base64.b64decode(old) == base64.b64decode(new)
    with pytest.raises(VerificationFailed, match="signature"):
        check_chain([*CHAIN[:-1], altered])


def test_an_entry_earlier_than_the_one_before_is_refused() -> None:
    chain = chain_of(3)
    chain.append(written(chain, "record", {}, at="2026-04-30T00:00:00.000000Z"))
    with pytest.raises(VerificationFailed, match="entry 4: it was recorded at 2026-04-30"):
        check_chain(chain)


def test_what_a_body_holds_cannot_pass_for_the_header() -> None:
    chain = born()
    imitation = written(chain, "outcomes", {"n": 9}).decode()
    chain.append(written(chain, "record", {"text": imitation, "zz": {"kind": "key", "seq": 77}}))
    header = ledger.header_of(chain[-1])
    assert (header.kind, header.seq) == ("record", 2)
    check_chain(chain)


def test_another_format_or_an_instant_written_otherwise_is_refused() -> None:
    chain = born()
    chain.append(written(chain, "record", {}, at="2026-05-01T09:00:00Z"))
    with pytest.raises(VerificationFailed, match="not written as every entry writes it"):
        check_chain(chain)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1, float("-inf")]}, {1: 2}, object()])
def test_what_json_cannot_say_for_certain_is_no_body(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        ledger.canonical(value)


def test_an_unknown_kind_is_never_written() -> None:
    with pytest.raises(ValueError, match="unknown kind of ledger entry 'note'"):
        written(CHAIN, "note", {})


class TestKeys:
    """Enrol, rotate, revoke."""

    def test_a_key_that_was_not_enrolled_signs_nothing(self) -> None:
        chain = born()
        chain.append(written(chain, "record", {}, signer=OTHER))
        with pytest.raises(VerificationFailed, match="a key that no entry before it enrols"):
            check_chain(chain)

    def test_an_enrolled_key_signs_from_then_on_beside_the_first(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("enrol", OTHER)))
        chain.append(written(chain, "record", {}, signer=OTHER))
        chain.append(written(chain, "record", {}))
        _, keys = check_chain(chain)
        assert keys.is_in_force(SIGNER.key_id)
        assert keys.is_in_force(OTHER.key_id)

    def test_nobody_enrols_himself(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("enrol", OTHER), signer=OTHER))
        with pytest.raises(VerificationFailed, match="a key that no entry before it enrols"):
            check_chain(chain)

    def test_rotation_ends_the_key_that_signs_it(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("rotate", OTHER)))
        chain.append(written(chain, "record", {}, signer=OTHER))
        check_chain(chain)
        chain.append(written(chain, "record", {}))
        with pytest.raises(VerificationFailed, match=r"which entry 2 has ended \(rotate\)"):
            check_chain(chain)

    def test_revocation_ends_a_key_and_leaves_what_it_signed(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("enrol", OTHER)))
        chain.append(written(chain, "record", {}, signer=OTHER))
        chain.append(written(chain, "key", changed_key("revoke", OTHER)))
        check_chain(chain)
        chain.append(written(chain, "record", {}, signer=OTHER))
        with pytest.raises(VerificationFailed, match=r"entry 5: .*which entry 4 has ended \(revoke\)"):
            check_chain(chain)

    def test_an_ended_key_never_comes_back(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("enrol", OTHER)))
        chain.append(written(chain, "key", changed_key("revoke", OTHER)))
        chain.append(written(chain, "key", changed_key("enrol", OTHER)))
        with pytest.raises(VerificationFailed, match="an ended key never comes back"):
            check_chain(chain)

    def test_the_last_key_cannot_be_revoked(self) -> None:
        chain = born()
        chain.append(written(chain, "key", changed_key("revoke", SIGNER)))
        with pytest.raises(VerificationFailed, match="the last one in force"):
            check_chain(chain)

    def test_a_key_id_that_is_not_of_the_key_is_refused(self) -> None:
        chain = born()
        body = {**changed_key("enrol", OTHER), "key_id": "ed25519:0123456789abcdef"}
        chain.append(written(chain, "key", body))
        with pytest.raises(VerificationFailed, match="is not that of the public key given"):
            check_chain(chain)

    def test_a_store_is_born_once(self) -> None:
        chain = born()
        body = {"store_id": "t", "simulated": False, "public_key": SIGNER.public_key, "product_version": "1"}
        chain.append(written(chain, "store", body))
        with pytest.raises(VerificationFailed, match="a second birth of the store"):
            check_chain(chain)

    def test_the_first_entry_is_signed_by_the_key_it_enrols(self) -> None:
        body = {"store_id": "s", "simulated": True, "public_key": OTHER.public_key, "product_version": "1"}
        with pytest.raises(VerificationFailed, match="not by the key it enrols"):
            check_chain([written([], "store", body)])

    def test_a_key_is_known_by_the_first_digits_of_its_hash(self) -> None:
        import hashlib

        raw = base64.b64decode(SIGNER.public_key)
        assert ledger.key_id_of(SIGNER.public_key) == "ed25519:" + hashlib.sha256(raw).hexdigest()[:16]
        with pytest.raises(ValueError, match="32 bytes"):
            ledger.key_id_of("AAAA")

    def test_the_ring_says_what_has_ended_and_how(self) -> None:
        keys = KeyRing()
        chain = born()
        chain.append(written(chain, "key", changed_key("rotate", OTHER)))
        for data in chain:
            keys.apply(orjson.loads(data))
        first, second = keys.enrolled()
        assert (first.enrolled_seq, first.ended_seq, first.ended_by) == (1, 2, "rotate")
        assert (second.enrolled_seq, second.ended_seq) == (2, None)


class TestClosedMonth:
    """A closed month must be its entries, line by line."""

    def body(self, lines: list[bytes]) -> dict[str, Any]:
        whole = b"".join(line + b"\n" for line in lines)
        return {"first_seq": 2, "last_seq": 4, "entries": 3, "digest": ledger.digest(whole)}

    def test_the_same_entries_have_no_problems(self) -> None:
        lines = CHAIN[1:4]
        assert list(ledger.closed_month_problems(self.body(lines), lines, DIGESTS)) == []

    @pytest.mark.parametrize(
        ("lines", "problem"),
        [
            (CHAIN[1:3], "ends with entry 3"),
            (CHAIN[1:5], "ends with entry 5"),
            ([CHAIN[2], CHAIN[1], CHAIN[3]], "line 1 differs from entry 2"),
            ([CHAIN[1], CHAIN[2][:-1] + b" }", CHAIN[3]], "line 2 differs from entry 3"),
        ],
    )
    def test_any_difference_is_named(self, lines: list[bytes], problem: str) -> None:
        found = list(ledger.closed_month_problems(self.body(CHAIN[1:4]), lines, DIGESTS))
        assert any(problem in one for one in found)
        assert any("its digest is" in one for one in found)


def test_a_chain_takes_nothing_in_that_does_not_fit() -> None:
    chain = Chain()
    chain.take(CHAIN[0], ledger.header_of(CHAIN[0]))
    with pytest.raises(VerificationFailed, match="its sequence number is 3, expected 2"):
        chain.take(CHAIN[2], ledger.header_of(CHAIN[2]))
    assert chain.seq == 1
