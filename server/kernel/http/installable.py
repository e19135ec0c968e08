"""What makes Floorwalker an app that browsers install: its manifest, and the service worker that web push needs.

The worker stands at the top of the site, because a worker controls only what is below its own address. It caches nothing.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server import FILES
from server.kernel.http.bundles import address as static

_GROUND = "#2b5cbf"  # that of the icon


async def manifest(_request: Request) -> Response:
    """The manifest of the W3C (Web Application Manifest). Browsers fetch it without cookies, so it is the same for everybody."""
    icons = [("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"), ("icon-maskable-512.png", "512x512", "maskable")]  # fmt: skip
    return JSONResponse(
        {
            "name": "Floorwalker",
            "short_name": "Floorwalker",
            "description": "Live interactions of AI agents, and the tool permissions they wait for.",
            "id": "/",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#ffffff",
            "theme_color": _GROUND,
            "icons": [
                {"src": static(f"icons/{name}"), "sizes": size, "type": "image/png", "purpose": purpose}
                for name, size, purpose in icons
            ],
        },
        media_type="application/manifest+json",
    )


async def worker(_request: Request) -> Response:
    """The service worker: it shows what comes by web push, and opens the page."""
    text = (FILES / "static/js/service_worker.js").read_bytes()
    return Response(text, media_type="text/javascript")


INSTALLABLE = [Route("/manifest.webmanifest", manifest), Route("/service-worker.js", worker)]
