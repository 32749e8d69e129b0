"""Bodies that are sent in chunks, and those that are kept."""

import asyncio
import sys
import threading
from functools import partial

from starlette.requests import Request
from starlette.types import Message

from exporter.exposition.segments import CHUNK_BYTES, Body
from exporter.web.answers import BodyResponse, KeptAnswers


def sent(method: str, *sizes: int) -> list[Message]:
    """Return what a response with pieces of these sizes sends."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(dict(message))

    async def receive() -> Message:
        raise AssertionError("a body needs nothing from the client")

    response = BodyResponse(Body([b"x" * size for size in sizes]), {"Content-Type": "text/plain"})
    asyncio.run(response({"type": "http", "method": method}, receive, send))
    return messages


def test_each_chunk_is_a_message_of_its_own() -> None:
    """The server waits with the next one until the client has taken the last one."""
    start, *chunks, end = sent("GET", CHUNK_BYTES, CHUNK_BYTES, 10)
    assert (b"content-length", str(2 * CHUNK_BYTES + 10).encode()) in start["headers"]
    assert [(len(chunk["body"]), chunk["more_body"]) for chunk in chunks] == [
        (CHUNK_BYTES, True),
        (CHUNK_BYTES, True),
        (10, True),
    ]
    assert end == {"type": "http.response.body", "body": b""}


def test_head_has_the_length_and_no_body() -> None:
    """Nothing is compressed or joined for it."""
    start, end = sent("HEAD", 1000)
    assert (b"content-length", b"1000") in start["headers"]
    assert end["body"] == b""


def test_an_empty_body_has_a_length() -> None:
    """Otherwise the client would wait for the end of the connection."""
    start, end = sent("GET")
    assert (b"content-length", b"0") in start["headers"]
    assert end["body"] == b""


def test_only_answers_of_the_newest_state_are_kept() -> None:
    """One of an earlier state that has come back would have an old time in it."""
    answers, request = KeptAnswers({}), Request({"type": "http", "headers": []})
    first, kept, other, again = (
        answers.respond(request, state, "q", partial(bytes, number))
        for number, state in enumerate(("a", "a", "b", "a"))
    )
    assert first.headers["ETag"] == kept.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]
    assert [one.headers["Content-Length"] for one in (first, kept, other, again)] == ["0", "0", "2", "3"]


def test_what_is_kept_can_be_counted_while_other_threads_add_to_it() -> None:
    """The event loop counts before each request of the API: an error there would be the answer 500."""
    interval = sys.getswitchinterval()
    answers = KeptAnswers({})

    def keep(number: int) -> None:
        request = Request({"type": "http", "headers": []})
        for place in range(400):
            answers.respond(request, "", f"{number} {place}", lambda: b"x" * 1000)

    threads = [threading.Thread(target=keep, args=(number,)) for number in range(2)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert not answers.is_full()
    finally:
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
