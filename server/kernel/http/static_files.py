"""Style sheets, scripts and images."""

import asyncio
import gzip
import hashlib
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from server.kernel.http.bundles import bundle

_IMMUTABLE = "public, max-age=31536000, immutable"
_TEXT = (".css", ".js", ".svg", ".txt")  # worth compressing


class Static(StaticFiles):
    """Static files, compressed once. A file that is requested with the hash of its content may be cached permanently."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory)
        self._packed: dict[str, bytes] = {}  # by ETag, which changes with the file

    async def get_response(self, path: str, scope: Scope) -> Response:
        accepts = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        content = bundle(path)
        if content is not None and scope["method"] in ("GET", "HEAD"):
            answer = self._bundle(path, content, scope, accepts=accepts)
        else:
            answer = await super().get_response(path, scope)
            if answer.status_code != 200:
                return answer
            if accepts and path.endswith(_TEXT) and isinstance(answer, FileResponse):
                answer = await self._pack(answer)
        if b"v=" in scope["query_string"]:
            answer.headers["Cache-Control"] = _IMMUTABLE
        return answer

    def _bundle(self, path: str, content: bytes, scope: Scope, *, accepts: bool) -> Response:
        mark = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        headers = {"ETag": mark}
        kind = "text/css" if path.endswith(".css") else "text/javascript"
        if accepts:
            content = self._packed.setdefault(mark, gzip.compress(content, mtime=0))
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "ETag": f"W/{mark}"}
        answer = Response(content, headers=headers, media_type=kind)
        return (
            NotModifiedResponse(answer.headers)
            if self.is_not_modified(answer.headers, Headers(scope=scope))
            else answer
        )

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
