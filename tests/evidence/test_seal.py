"""Seals: Merkle roots as RFC 6962 has them, DSSE envelopes as their specification has them."""

from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store import Signer
from evidence import seal
from schemas.errors import VerificationFailed

# The test vectors of the certificate transparency reference implementation.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIGNER = Signer.generate()
STATEMENT = {"_type": seal.STATEMENT_TYPE, "predicateType": seal.PREDICATE_TYPE, "predicate": {"month": "2026-06"}}


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_vectors(size: int) -> None:
    assert seal.merkle_root(map(seal.leaf_hash, LEAVES[:size])) == f"sha256:{ROOTS[size - 1]}"


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert seal.merkle_root([]) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.integers(1, 70), st.data())
def test_an_inclusion_proof_leads_to_the_root_and_no_other_leaf_does(size: int, data: st.DataObject) -> None:
    leaves = [seal.leaf_hash(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, proof = seal.merkle_root(leaves), seal.inclusion_proof(leaves, index)
    assert seal.root_from_proof(leaves[index], index, size, proof) == root
    assert seal.root_from_proof(seal.leaf_hash(b"another"), index, size, proof) != root


@pytest.mark.parametrize(("index", "size", "cut"), [(0, 8, 1), (3, 5, 1), (9, 8, 0), (0, 3, 0)])
def test_a_proof_of_another_tree_is_refused(index: int, size: int, cut: int) -> None:
    leaves = [seal.leaf_hash(b"%d" % number) for number in range(8)]
    proof = seal.inclusion_proof(leaves, min(index, 7))
    with pytest.raises(VerificationFailed):
        seal.root_from_proof(leaves[min(index, 7)], index, size, proof[: len(proof) - cut])


def test_the_encoding_that_is_signed_is_that_of_the_dsse_specification() -> None:
    encoded = seal.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_envelope_opens_with_the_key_it_was_signed_by() -> None:
    data = seal.envelope(STATEMENT, key_id=SIGNER.key_id, sign=SIGNER.sign)
    assert seal.open_envelope(data, {SIGNER.key_id: SIGNER.public_key}) == STATEMENT
    assert orjson.loads(data)["payloadType"] == "application/vnd.in-toto+json"


def test_a_changed_payload_or_another_key_does_not_open() -> None:
    document = orjson.loads(seal.envelope(STATEMENT, key_id=SIGNER.key_id, sign=SIGNER.sign))
    other = {**STATEMENT, "predicate": {"month": "2026-07"}}
    forged = {**document, "payload": base64.b64encode(orjson.dumps(other)).decode()}
    keys = {SIGNER.key_id: SIGNER.public_key}
    with pytest.raises(VerificationFailed, match="does not hold"):
        seal.open_envelope(orjson.dumps(forged), keys)
    with pytest.raises(VerificationFailed, match="not known here"):
        seal.open_envelope(orjson.dumps(document), {})
    with pytest.raises(VerificationFailed, match="does not hold"):
        seal.open_envelope(orjson.dumps(document), {SIGNER.key_id: Signer.generate().public_key})
    with pytest.raises(VerificationFailed, match="not a DSSE envelope"):
        seal.open_envelope(b"{}", keys)


def test_an_envelope_of_something_else_is_no_seal() -> None:
    data = seal.envelope({"_type": "x"}, key_id=SIGNER.key_id, sign=SIGNER.sign)
    with pytest.raises(VerificationFailed, match="no seal of a month"):
        seal.open_envelope(data, {SIGNER.key_id: SIGNER.public_key})
