"""The canonical envelope on the wire: `domain/kernel/envelope.py`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.envelope import Envelope, mirrored
from domain.kernel.errors import Invalid

KEYS = [
    "eventId",
    "eventType",
    "tenantId",
    "projectId",
    "moduleId",
    "traceId",
    "correlationId",
    "causationId",
    "occurredAt",
    "payload",
]

DEPLOYMENT_PROMOTED = """{
"eventId": "evt-d4a90c11-7f33-4b2e-9c01-6a2b3c4d5e6f",
"eventType": "DeploymentPromoted",
"tenantId": "connectsoft",
"projectId": "proj-booking-saas",
"moduleId": "module-reservations-api",
"traceId": "trace-9f1c2b7d",
"correlationId": "corr-3a6e1d40",
"causationId": "evt-releaseapproved-66a1",
"occurredAt": "2026-06-11T18:22:05Z",
"payload": {
"releaseId": "rel-3120",
"version": "1.4.0",
"environment": "staging",
"strategy": "RollingUpdate",
"deploymentManifestId": "man-7c5e"
}
}"""

RUNTIME_DEPLOYMENT_COMPLETED = """{
"eventId": "evt-3a6e1d40-2e44-4c1a-9b6d-0f2a8c3d5e10",
"eventType": "RuntimeDeploymentCompleted",
"tenantId": "connectsoft",
"projectId": "proj-booking-saas",
"moduleId": "module-reservations-api",
"traceId": "trace-9f1c2b7d",
"correlationId": "corr-3a6e1d40",
"causationId": "evt-deploy-requested-id",
"occurredAt": "2026-06-11T18:02:00Z",
"payload": {
"deploymentId": "dep-3a6e1d40",
"environmentId": "env-9f1c2b7d",
"target": "aks",
"image": "acr.azurecr.io/reservations-api:1.4.2",
"previousImage": "acr.azurecr.io/reservations-api:1.4.1",
"healthGate": "Passed",
"strategy": "RollingHealthGated"
}
}"""

SCAFFOLD_GENERATED = """{
"eventId": "evt-9b1c4d2a",
"eventType": "ScaffoldGenerated",
"tenantId": "connectsoft",
"projectId": "proj-booking-saas",
"moduleId": "module-reservations-api",
"traceId": "trace-7f2a91",
"correlationId": "corr-4d21",
"causationId": "evt-execution-requested-id",
"occurredAt": "2026-06-11T09:05:00Z",
"payload": {
"executionId": "exec-9a2b",
"scaffoldOutputId": "scaf-31c8",
"templateId": "tmpl-7c1a9f",
"templateVersionId": "tver-3201",
"libraries": [
{ "packageName": "ConnectSoft.Extensions.PersistenceModel.PostgreSQL", "version": "4.1.0" }
],
"repository": "git:contoso/booking-reservations",
"contentHash": "sha256:..."
}
}"""

EXAMPLES = pytest.mark.parametrize(
    "text", [DEPLOYMENT_PROMOTED, RUNTIME_DEPLOYMENT_COMPLETED, SCAFFOLD_GENERATED]
)


def example(**changes: Any) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(DEPLOYMENT_PROMOTED)
    return wire | changes


@EXAMPLES
def test_the_specifications_examples_come_back_byte_for_byte(text: str) -> None:
    compact = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    assert Envelope.parse(text).to_json() == compact
    assert Envelope.parse(text.encode()).to_json() == compact


@EXAMPLES
def test_an_envelope_has_exactly_the_ten_keys_in_the_specifications_order(text: str) -> None:
    assert list(json.loads(Envelope.parse(text).to_json())) == KEYS


def test_keys_that_are_not_known_are_ignored() -> None:
    newer = example(schemaVersion=7, moreOver={"a": [1]})
    assert Envelope.parse(json.dumps(newer)) == Envelope.parse(DEPLOYMENT_PROMOTED)


def test_what_has_no_module_and_no_cause_still_has_ten_keys() -> None:
    wire = example()
    del wire["moduleId"], wire["causationId"]
    written = json.loads(Envelope.parse(json.dumps(wire)).to_json())
    assert list(written) == KEYS
    assert (written["moduleId"], written["causationId"]) == (None, None)


_REQUIRED = [key for key in KEYS if key not in ("moduleId", "causationId")]
_NO_IDENTIFIERS = [
    "",
    "a/b",
    "a b",
    "a#b",
    "a\\b",
    "a?b",
    "a|b",
    "-a",
    "a\n",
    "é",
    "a" * 121,
    5,
    True,
    {},
    [],
]


@pytest.mark.parametrize("key", _REQUIRED)
def test_a_missing_key_is_named(key: str) -> None:
    wire = example()
    del wire[key]
    assert _faults(wire) == {key}


@pytest.mark.parametrize("key", _REQUIRED)
def test_a_null_where_something_must_be_is_named(key: str) -> None:
    assert _faults(example(**{key: None})) == {key}


@pytest.mark.parametrize("value", _NO_IDENTIFIERS, ids=repr)
@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("occurredAt", "payload")])
def test_what_is_no_identifier_is_named(key: str, value: object) -> None:
    assert _faults(example(**{key: value})) == {key}


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-01T00:00:00Z", True, {}, []], ids=repr)
def test_what_is_no_moment_is_named(value: object) -> None:
    assert _faults(example(occurredAt=value)) == {"occurredAt"}


@pytest.mark.parametrize("value", ["2026-06-11T18:22:05", "2026-06-11", 5, "5"], ids=repr)
def test_a_moment_without_its_offset_is_refused_for_it_would_mean_another_one_elsewhere(
    value: object,
) -> None:
    assert _faults(example(occurredAt=value)) == {"occurredAt"}


@pytest.mark.parametrize("value", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_moment_that_utc_cannot_hold_is_refused(value: str) -> None:
    assert _faults(example(occurredAt=value)) == {"occurredAt"}


@pytest.mark.parametrize("value", ["text", 5, [], [1]], ids=repr)
def test_a_payload_that_is_no_object_is_named(value: object) -> None:
    assert _faults(example(payload=value)) == {"payload"}


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert _faults(example(tenantId="a/b", traceId=None, payload=[])) == {"tenantId", "traceId", "payload"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe{}",
        b"[]",
        b"5",
        b"null",
        b'"text"',
        b'{"payload": {"a": NaN}}',
        b'{"payload": {"a": Infinity}}',
        b'{"payload": {"a": -Infinity}}',
        b'{"payload": {"a": 1e400}}',
        b'{"payload": {"a": "\\ud800"}}',
        b'{"payload": {"\\udfff": 1}}',
        b'{"payload": {"a": "\xed\xa0\x80"}}',
        '{"payload": {"a": "\ud800"}}',
        b'{"payload": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
        b'{"payload": {"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"payload": {"a": ' + b"9" * 10_000 + b"}}",
    ],
    ids=lambda body: repr(body)[:40],
)
def test_a_body_that_json_or_storage_cannot_hold_is_invalid_and_nothing_else(body: bytes | str) -> None:
    # The envelope itself is whole, so that nothing but the payload is at fault.
    if isinstance(body, bytes) and body.startswith(b'{"payload": '):
        body = json.dumps(example())[:-1].encode() + b"," + body[1:]
    elif isinstance(body, str):
        body = json.dumps(example())[:-1] + "," + body[1:]
    with pytest.raises(Invalid) as refused:
        Envelope.parse(body)
    assert {error.field for error in refused.value.errors} == {"body"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_whatever_a_payload_holds_comes_back_and_again_as_the_same_bytes(payload: dict[str, Any]) -> None:
    once = Envelope.parse(json.dumps(example(payload=payload))).to_json()
    assert json.loads(once)["payload"] == payload
    assert Envelope.parse(once).to_json() == once


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_bytes_make_the_parser_raise_anything_but_invalid(body: bytes | str) -> None:
    with pytest.raises(Invalid):
        Envelope.parse(body)


def test_the_keys_that_filters_need_travel_as_properties() -> None:
    assert mirrored(Envelope.parse(DEPLOYMENT_PROMOTED)) == {
        "cs-event-type": "DeploymentPromoted",
        "cs-tenant-id": "connectsoft",
        "cs-trace-id": "trace-9f1c2b7d",
        "cs-correlation-id": "corr-3a6e1d40",
        "cs-causation-id": "evt-releaseapproved-66a1",
    }
    assert "cs-causation-id" not in mirrored(Envelope.parse(json.dumps(example(causationId=None))))


def _faults(wire: dict[str, Any]) -> set[str]:
    with pytest.raises(Invalid) as refused:
        Envelope.parse(json.dumps(wire)).to_json()
    return {error.field for error in refused.value.errors}
