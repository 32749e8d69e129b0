"""Files of objects: each form becomes the JSON of its documents, or one line that says what is wrong."""

import pytest

from exporter.commands.documents import decode_document, documents
from exporter.errors import InputError


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"# only a comment\n", []),
        (b'{"kind": "A"}', [b'{"kind": "A"}']),
        (b'\xef\xbb\xbf\n{"kind": "A"}\n', [b'{"kind": "A"}']),
        (b'{"kind": "A"}\n{"kind": "B"} \n', [b'{"kind":"A"}', b'{"kind":"B"}']),
        (b'{"kind":"A"}{"kind":"B"}', [b'{"kind":"A"}', b'{"kind":"B"}']),
        (b'[{"kind": "A"}, {"kind": "B"}]', [b'{"kind":"A"}', b'{"kind":"B"}']),
        (b"[]", []),
        (b"- kind: A\n- kind: B\n", [b'{"kind":"A"}', b'{"kind":"B"}']),
        (b"kind: A\n---\n---\nkind: B\n", [b'{"kind":"A"}', b'{"kind":"B"}']),
        (b"\xef\xbb\xbfkind: A\n", [b'{"kind":"A"}']),
        (b"<<: &a {kind: A}\n", [b'{"kind":"A"}']),
        ("name: é\n".encode(), ['{"name":"é"}'.encode()]),
        (rb'{"a":"\ud83d\ude00"} {"a":"x\ud800y\udc00"}', ['{"a":"😀"}'.encode(), '{"a": "x\ufffdy\ufffd"}'.encode()]),
        (rb'{"a":"\udc00\ud83d\ude00\ud800"}', ['{"a": "\ufffd😀\ufffd"}'.encode()]),
        (b'{"a":NaN} {"a":-Infinity}', [b'{"a":"NaN"}', b'{"a":"-Infinity"}']),
    ],
)
def test_documents_of_a_file(data: bytes, found: list[bytes]) -> None:
    """JSON as it is if it is one object; otherwise each value is encoded."""
    assert list(documents(data)) == found


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (b"2026-11-23T10:00:00Z", b'"2026-11-23T10:00:00Z"'),
        (b"2026-11-23", b'"2026-11-23"'),
        (b"7", b"7"),
        (b'"7"', b'"7"'),
        (b"true", b"true"),
        (b"~", b"null"),
        (b"1.5", b"1.5"),
        (b".nan", b'".nan"'),
        (b"-.inf", b'"-.inf"'),
        (b"1e+999", b'"1e+999"'),
    ],
)
def test_values_of_yaml(value: bytes, encoded: bytes) -> None:
    """Times stay strings, as they are in JSON. What is no number does not become one that is absent."""
    assert list(documents(b"a: " + value)) == [b'{"a":' + encoded + b"}"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'{"kind": "A"} x', "not JSON: Expecting value: line 1 column 15 (char 14)"),
        (b"{\xff", "not JSON: 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"),
        (b"[" * 100_000, "not JSON: maximum recursion depth exceeded"),
        (b"\xff", "neither JSON nor YAML: unacceptable character #x00ff: invalid leading UTF-8 octet"),
        (b"a: [\n", "neither JSON nor YAML: while parsing a flow node did not find expected node content"),
        (b"a: !!python/object:os.system x", "neither JSON nor YAML: could not determine a constructor for the tag"),
        (b'a: !!int ""', "neither JSON nor YAML: a value is not of the type that its tag names"),
        (b"a: !!bool x", "neither JSON nor YAML: a value is not of the type that its tag names"),
        (b"a: !!timestamp x", "neither JSON nor YAML: a value is not of the type that its tag names"),
        (b"? [a]\n: 1\n", "neither JSON nor YAML: while constructing a mapping"),
        (b"yes: 1\n", "not a Kubernetes object: Only dicts with str-like or number-like keys are supported"),
        (b"a: " + b"[" * 30_000, "neither JSON nor YAML: more than 1000 levels of nesting"),
        (
            b"a0: &a0 [x]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 13)),
            "neither JSON nor YAML: aliases that expand to too much",
        ),
        (b"&a [*a]", "not a Kubernetes object: maximum recursion depth exceeded"),
    ],
)
def test_wrong_files(data: bytes, message: str) -> None:
    """One line that says which form was expected, and what is wrong with it."""
    with pytest.raises(InputError) as raised:
        list(documents(data))
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_documents_before_a_wrong_one_are_found() -> None:
    """They are read one after the other."""
    found = documents(b'{"kind": "A"} {')
    assert next(found) == b'{"kind":"A"}'
    with pytest.raises(InputError, match="not JSON"):
        next(found)


@pytest.mark.parametrize(
    ("data", "kind", "api_version", "items"),
    [
        (b'{"kind": "Pod", "apiVersion": "v1", "spec": {}}', "Pod", "v1", None),
        (b'{"kind": "Pod"}', "Pod", "", None),
        (b'{"kind": "List", "items": []}', "List", "", []),
        (b'{"kind": "List", "items": [{"kind":"A"}, 7]}', "List", "", [b'{"kind":"A"}', b"7"]),
        (b"{}", "", "", None),
    ],
)
def test_fields_of_a_document(data: bytes, kind: str, api_version: str, items: list[bytes] | None) -> None:
    """Items stay raw: one that is wrong does not affect the others."""
    document = decode_document(data)
    found = None if document.items is None else [bytes(item) for item in document.items]
    assert (document.kind, document.api_version, found) == (kind, api_version, items)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "Expected `object`, got `array`"),
        (b'{"kind": null}', "Expected `str`, got `null` - at `$.kind`"),
        (b'{"kind": "List", "items": {}}', "Expected `array | null`, got `object` - at `$.items`"),
    ],
)
def test_wrong_documents(data: bytes, reason: str) -> None:
    """The message names the place."""
    with pytest.raises(InputError) as raised:
        decode_document(data)
    assert str(raised.value) == f"not a Kubernetes object: {reason}"
