"""The fields of a form, in UTF-8 only, so that a client does not choose the codec that reads it.

Some of Python's codecs are not character sets, and some block the process for seconds with one large field. So a form that
names another character set is refused before its body is read. Starlette's `request.form()` is not used, because it
decodes with the codec that the form names, or with Latin-1.
"""

import re
from collections.abc import Awaitable, Iterator
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import Invalid, RequestError, UnsupportedMediaType
from server.kernel.http.middleware import Refuse

_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_FIELDS = 200  # at most
_UTF8 = frozenset({"utf-8", "utf8"})
_ANOTHER_CHARSET = "A form is sent in UTF-8, and this one names another character set."
_NOT_UTF8 = "A form is sent in UTF-8, and this one has bytes that are not UTF-8."
_TOO_MANY = f"A form has {_FIELDS} fields at most."
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_ESCAPED = re.compile(r"\\(.)")


class Utf8Forms:
    """Refuses forms that name another character set, at every address and before the body is read."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"content-type" and b";" in value and _is_refused(value.decode("latin-1")):
                    error = UnsupportedMediaType(_ANOTHER_CHARSET)
                    return self.refuse(HTTPConnection(scope), error)(scope, receive, send)
        return self.app(scope, receive, send)


def _is_refused(content_type: str) -> bool:
    return _kind(content_type) in (_URLENCODED, _MULTIPART) and not _names_utf8(content_type)


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _names_utf8(header: str) -> bool:
    """Whether every charset parameter of this header names UTF-8."""
    return all(charset.strip().lower() in _UTF8 for charset in _charsets(header))


def _charsets(header: str) -> Iterator[str]:
    for name, value in _PARAMETER.findall(header):
        text = _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') and value.endswith('"') else value
        word, star, _ = name.lower().partition("*")
        said = text.split("'") if star else [text]  # RFC 2231: name*=charset'language'value
        if word == "charset":
            yield said[-1]
        if len(said) > 1 and said[0]:
            yield said[0]


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form by name; of two with the same name the last. Invalid when the body is not a form."""
    content_type = request.headers.get("content-type", "")
    kind = _kind(content_type)
    if kind == _URLENCODED:
        pairs = _urlencoded(await request.body())
    elif kind == _MULTIPART:
        pairs = await _multipart(request, content_type)
    else:
        raise Invalid("This request is not a form.")
    # A form may name its character set in this field.
    if any(name == "_charset_" and value.lower() not in _UTF8 for name, value in pairs):
        raise UnsupportedMediaType(_ANOTHER_CHARSET)
    return dict(pairs)


def _text(raw: bytes | bytearray) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnsupportedMediaType(_NOT_UTF8) from None


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    text = _text(body)
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except UnicodeDecodeError:
        raise UnsupportedMediaType(_NOT_UTF8) from None
    except ValueError:
        raise RequestError(_TOO_MANY) from None


async def _multipart(request: Request, content_type: str) -> list[tuple[str, str]]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise RequestError("This form has no boundary between its parts.")
    parts = _Parts()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header_name,
                "on_header_value": parts.header_value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.headers_end,
                "on_part_data": parts.value,
                "on_part_end": parts.end,
                "on_end": parts.finish,
            },
        )
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise RequestError("This form is not valid multipart/form-data.") from None
    if not parts.complete:
        raise RequestError("This form is incomplete: its last part has no end.")
    return parts.pairs


class _Parts:
    """Collects the parts of a form, and refuses files and parts that name another character set."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.complete = False
        self._fields = 0
        self.begin()

    def begin(self) -> None:
        self._field = ""
        self._value = bytearray()
        self._header, self._said = bytearray(), bytearray()
        self._disposition = b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._said += data[start:end]

    def header_end(self) -> None:
        name = bytes(self._header).lower()
        if name in (b"content-type", b"content-disposition") and not _names_utf8(
            self._said.decode("latin-1")
        ):
            raise UnsupportedMediaType(_ANOTHER_CHARSET)
        if name == b"content-disposition":
            self._disposition = bytes(self._said)
        self._header, self._said = bytearray(), bytearray()

    def headers_end(self) -> None:
        self._fields += 1
        if self._fields > _FIELDS:
            raise RequestError(_TOO_MANY)
        _, options = parse_options_header(self._disposition)
        if b"filename" in options:
            raise RequestError("This form contains a file, and files are not accepted.")
        if b"name" not in options:
            raise RequestError("A part of this form has no name.")
        self._field = _text(options[b"name"])

    def value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end(self) -> None:
        self.pairs.append((self._field, _text(self._value)))

    def finish(self) -> None:
        self.complete = True
