"""HTTP as the suite speaks it: every request becomes an `Exchange`, and none outlasts its deadline.

Built on requests because Schemathesis sends its cases through a `requests.Session`; the recording
sits in the transport adapter of the session, so that both ways of sending are seen alike.

Nothing here helps a backend along or remembers anything for it: no redirects, no cookies, no
proxies from the environment, no compression, no repetition. Two exceptions, each for a reason:

- 429 is no verdict but a request to slow down (decision D12). It is obeyed, and every attempt is
  observed.
- A server may close a kept-alive connection just while the next request is on its way; to the
  client that looks like a crash. Connections that rested are therefore not used again
  (`deadlines.STALE_AFTER`). Should one break all the same before the first byte of an answer, a
  request that may be repeated (RFC 9110 §9.2.2: GET, HEAD, OPTIONS, PUT, DELETE, TRACE) is sent
  once more on a fresh connection, and its Exchange says `repeated`. A POST is never sent twice:
  nobody can know whether the backend handled the first. A server that closes connections right
  after its answers, and does not say so, gets each request on a connection of its own as soon as
  that is seen.
"""

import json as jsonlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict

from conformance.wire import connections, deadlines
from conformance.wire.connections import LARGEST_BODY, Attempt, TooLong
from conformance.wire.pacing import Pace
from conformance.wire.stringify import stringify
from conformance.wire.throttling import Throttle

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""Methods that RFC 9110 §9.2.2 calls idempotent."""


class Absence(Enum):
    """What stands where there is no JSON value; None will not do, it is one."""

    NOT_JSON = "not JSON"
    ABSENT = "absent"


NOT_JSON: Final = Absence.NOT_JSON
ABSENT: Final = Absence.ABSENT


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request and what came of it: either `status` or `error` is set, never both."""

    operation: str | None  # operationId the suite meant; None for requests outside the contract
    actor: str | None  # name of the user whose token was used
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes | None
    status: int | None
    headers: Mapping[str, str]  # names regardless of case; repeated ones joined with ", "
    body: bytes
    error: str | None  # why there is no answer, as one phrase
    started: float  # seconds since the epoch
    elapsed: float  # seconds, to the last byte of the body
    repeated: bool = False  # sent twice, because a kept-alive connection broke under the first
    cut: int = 0  # bytes of the body that went ahead of the rest; 0 where it was whole

    @property
    def succeeded(self) -> bool:
        """Whether the status is one of success, the documented one or another."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def json(self) -> Any:
        """The decoded body, or NOT_JSON where it is no UTF-8 or no JSON (RFC 8259)."""
        return _decoded(self.body)

    @property
    def request_json(self) -> Any:
        """The same of the request's body."""
        return _decoded(self.request_body or b"")


def _decoded(body: bytes) -> Any:
    try:
        return jsonlib.loads(body.decode("utf-8"), parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        return NOT_JSON


@dataclass(frozen=True, slots=True)
class _Label:
    """What the suite knows about the requests it is about to send."""

    operation: str | None = None
    actor: str | None = None
    target: bytes | None = None  # request target to put on the wire as it is


_label: ContextVar[_Label] = ContextVar("label", default=_Label())  # noqa: B039 - frozen


@contextmanager
def labelled(*, operation: str | None = None, actor: str | None = None) -> Iterator[None]:
    """Requests sent in this block through `HttpClient.session` belong to operation and actor."""
    token = _label.set(_Label(operation, actor))
    try:
        yield
    finally:
        _label.reset(token)


class HttpClient:
    """Sends requests to one backend from any number of threads and hands each to `observe`.

    `observe` is called in the thread that sent the request, once for each answer or failure.
    `pace` may be set anew while the client is in use. `keeps_alive` is whether connections were not
    closed yet soon after an answer without a word.
    Raises ValueError where `base_url` is no http or https URL with a host.
    """

    def __init__(self, base_url: str, pace: Pace, observe: Callable[[Exchange], None]) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{base_url!r} is no URL that begins with http:// or https://")
        self.base_url = base_url.rstrip("/")
        self.pace = pace
        self.keeps_alive = True
        self._observe = observe
        self._closing = threading.Event()
        self._of_thread = threading.local()
        self._sessions: WeakSet[requests.Session] = WeakSet()

    @property
    def uses_again(self) -> bool:
        """Whether a connection may carry more than one request."""
        return self.keeps_alive and self.pace.keeps_alive

    @property
    def session(self) -> requests.Session:
        """The calling thread's session; everything sent through it is recorded."""
        return self._session()

    def _session(self) -> "_Session":
        session: _Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = _Session(_RecordingAdapter(self, self._observe, self._closing))
            self._of_thread.session = session
            self._sessions.add(session)
        return session

    def send(
        self,
        method: str,
        path: str | bytes,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: Any = ABSENT,
        operation: str | None = None,
        actor: str | None = None,
    ) -> Exchange:
        """Sends one request and returns its last Exchange; failures of the network are in it.

        `path` (with query, percent-encoded as meant) goes on the wire byte by byte as given, `..`
        and undecodable bytes too; text is encoded as UTF-8. `json` is encoded as a browser does.
        Raises ValueError where the request itself cannot be written down: a line break in the
        path or in a header, or both `body` and `json`.
        """
        if body is not None and json is not ABSENT:
            raise ValueError("a request has either a body or json, not both")
        fields = CaseInsensitiveDict(headers or {})
        if token is not None:
            fields.setdefault("Authorization", f"Bearer {token}")
        if json is not ABSENT:
            body = encode_json(json)
            fields.setdefault("Content-Type", "application/json")
        raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
        target = urlsplit(self.base_url).path.encode() + raw
        if b"\r" in target or b"\n" in target:
            raise ValueError(f"a line break in the path {path!r} would begin another request")
        session = self._session()
        request = session.prepare_request(
            requests.Request(method, self.base_url, headers=dict(fields), data=body)
        )
        with labelled(operation=operation, actor=actor):
            exchange, _ = session.recorder.perform(request, target=target)
        return exchange

    def close(self) -> None:
        """Ends waits for 429 and closes the connections of all threads."""
        self._closing.set()
        for session in list(self._sessions):
            session.close()


def encode_json(value: Any) -> bytes:
    """`value` as a browser sends it: what JSON.stringify writes, as UTF-8."""
    return stringify(value).encode()


class _Session(requests.Session):
    """A session that adds nothing of its own to a request and follows nothing in an answer."""

    def __init__(self, recorder: "_RecordingAdapter") -> None:
        super().__init__()
        self.recorder = recorder
        self.trust_env = False
        self.headers = CaseInsensitiveDict(
            {"User-Agent": "r2c-verify", "Accept": "*/*", "Accept-Encoding": "identity"}
        )
        # A cookie from one user's answer must not speak for the next user.
        self.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
        self.adapters.clear()
        self.mount("http://", recorder)
        self.mount("https://", recorder)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: what the backend answers is what is judged."""


class _Unanswered(requests.ConnectionError):
    """What Schemathesis sees where there is no answer.

    Made anew from text: Schemathesis recognises requests' own exceptions for broken kept-alive
    connections and would send the request again, POST or not.
    """


class _UnansweredInTime(requests.ReadTimeout):
    """The same where the deadline was missed."""


class _RecordingAdapter(HTTPAdapter):
    """Performs requests within the deadline and hands each attempt to `observe`."""

    def __init__(
        self, client: HttpClient, observe: Callable[[Exchange], None], closing: threading.Event
    ) -> None:
        self._client = client
        self._observe = observe
        self._closing = closing
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Connections that obey deadlines and can carry a request target as it is."""
        super().init_poolmanager(*args, ssl_context=deadlines.tls_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = connections.POOLS

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """What requests calls. The deadline is the pace's, whatever `timeout` says."""
        exchange, response = self.perform(request, verify=verify, cert=cert)
        if response is None:
            late = exchange.elapsed >= self._client.pace.answer
            raise (_UnansweredInTime if late else _Unanswered)(exchange.error, request=request)
        return response

    def perform(
        self,
        request: requests.PreparedRequest,
        *,
        target: bytes | None = None,
        verify: bool | str = True,
        cert: Any = None,
    ) -> tuple[Exchange, requests.Response | None]:
        """Sends until the answer is no 429 any more, or the pace forbids to wait longer."""
        throttle = Throttle(self._client.pace)
        while True:
            attempt = Attempt(target, fresh=not self._client.uses_again)
            exchange, response = self._once(request, attempt, verify, cert)
            if attempt.broke_before_answer and request.method in REPEATABLE:
                again = Attempt(target, fresh=True)
                exchange, response = self._once(request, again, verify, cert, repeated=True)
            self._observe(exchange)
            if exchange.status != 429:
                return exchange, response
            wait = throttle.wait(exchange.headers)
            if wait is None or self._closing.wait(wait):
                return exchange, response

    def _once(
        self,
        request: requests.PreparedRequest,
        attempt: Attempt,
        verify: bool | str,
        cert: Any,
        repeated: bool = False,
    ) -> tuple[Exchange, requests.Response | None]:
        label, limit = _label.get(), self._client.pace.answer
        started, before = time.time(), time.monotonic()
        response: requests.Response | None = None
        body, error = b"", None
        connections.under_way.attempt = attempt
        try:
            with deadlines.within(limit):
                response = super().send(request, True, limit, verify, cert)
                body = _read(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exception:
            error = connections.why(exception, response, limit)
            attempt.broke_before_answer = attempt.reused and connections.closed_at_once(
                exception, attempt
            )
            if response is not None:
                response.close()
                response = None
        finally:
            connections.under_way.attempt = None
        if attempt.found_closed or attempt.broke_before_answer:
            self._client.keeps_alive = False
        exchange = Exchange(
            operation=label.operation,
            actor=label.actor,
            method=request.method or "",
            url=_url(request, attempt.target),
            request_headers=CaseInsensitiveDict(_fields(request.headers)),
            request_body=_bytes(request.body),
            status=response.status_code if response is not None else None,
            headers=CaseInsensitiveDict(response.headers if response is not None else {}),
            body=body,
            error=error,
            started=started,
            elapsed=time.monotonic() - before,
            repeated=repeated,
            cut=attempt.cut,
        )
        return exchange, response


def _read(response: requests.Response) -> bytes:
    """The whole body, decoded, left in `response` for whoever asked for it."""
    chunks, size = [], 0
    for chunk in response.iter_content(65536):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_BODY:
            raise TooLong
    response._content = b"".join(chunks)
    return response._content


def _not_a_number(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _url(request: requests.PreparedRequest, target: bytes | None) -> str:
    url = request.url or ""
    if target is None:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" + target.decode("utf-8", "surrogateescape")


def _fields(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in headers.items()}


def _bytes(body: bytes | str | Iterable[Any] | None) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else None
