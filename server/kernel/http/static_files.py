"""Style sheets, scripts and images."""

import asyncio
import gzip
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from server.kernel.http.bundles import Bundle, bundle

_IMMUTABLE = "public, max-age=31536000, immutable"
_TEXT = (".css", ".js", ".svg", ".txt")  # worth compressing


class Static(StaticFiles):
    """Static files, compressed once. A file that is requested with the hash of its content may be cached permanently."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._packed: dict[str, bytes] = {}  # by ETag, which changes with the file

    async def get_response(self, path: str, scope: Scope) -> Response:
        accepts = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        found = bundle(path)
        if found is not None and scope["method"] in ("GET", "HEAD"):
            answer = self._bundle(path, found, scope, accepts=accepts)
        else:
            answer = await super().get_response(path, scope)
            if answer.status_code != 200:
                return answer
            if accepts and path.endswith(_TEXT) and isinstance(answer, FileResponse):
                answer = await self._pack(answer)
        if b"v=" in scope["query_string"]:
            answer.headers["Cache-Control"] = _IMMUTABLE
        return answer

    def _bundle(self, path: str, found: Bundle, scope: Scope, *, accepts: bool) -> Response:
        kind = "text/css" if path.endswith(".css") else "text/javascript"
        answer = Response(found.packed if accepts else found.content, media_type=kind)
        answer.headers["ETag"] = f'"{found.mark}"'
        if accepts:
            answer.headers.update(
                {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "ETag": f'W/"{found.mark}"'}
            )
        if self.is_not_modified(answer.headers, Headers(scope=scope)):
            return NotModifiedResponse(answer.headers)
        return answer

    async def _pack(self, file: FileResponse) -> Response:
        mark, path = file.headers["etag"], str(file.path)
        if mark not in self._packed:
            self._packed[mark] = await asyncio.to_thread(
                lambda: gzip.compress(Path(path).read_bytes(), mtime=0)
            )
        packed = Response(self._packed[mark], media_type=file.media_type)
        packed.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "ETag": f"W/{mark}"})
        packed.headers["Last-Modified"] = file.headers["last-modified"]
        return packed
