"""HTTP and HTML: middleware, access, forms, rendering, and the frame of the agent API.

Others use the names below.
"""

from server.kernel.http.access import own_path, signed_in, viewer_of, visitor_of
from server.kernel.http.agent_api import IDEMPOTENCY_KEY, PREFIX, Ask, Call, routes
from server.kernel.http.argument_rows import ArgumentRow, argument_rows, first_arguments, fitting, key_row
from server.kernel.http.bodies import Bodies, BodyLimit
from server.kernel.http.bundles import address as static
from server.kernel.http.compression import compressed
from server.kernel.http.cookies import (
    drop_cookie,
    drop_doubtful,
    insecure,
    session_cookie,
    set_cookie,
    set_device,
    zone_cookie,
)
from server.kernel.http.csv_files import FORMULA_SIGNS, csv, csv_lines, csv_stream
from server.kernel.http.exact_json import check as check_json
from server.kernel.http.exact_json import json_digest, size_of
from server.kernel.http.filters import argument, arguments, clock_time, duration, mask_phone, now
from server.kernel.http.form_fields import form, identifier, is_id, time_of_day, whole_number
from server.kernel.http.forms import Utf8Forms
from server.kernel.http.installable import INSTALLABLE
from server.kernel.http.json_bodies import (
    WHOLE,
    Documented,
    Json,
    JsonObject,
    Model,
    Moment,
    Percent,
    Text,
)
from server.kernel.http.list_filters import ListFilters
from server.kernel.http.looks import Look, look_of, set_look
from server.kernel.http.measured import Measured
from server.kernel.http.middleware import (
    SameOrigin,
    SecurityHeaders,
    TrustedHosts,
    loopback,
    security_headers,
    trusted_hosts,
)
from server.kernel.http.moments import CapturedAt
from server.kernel.http.openapi import document
from server.kernel.http.partials import Partials
from server.kernel.http.plain_text import cut, html_size, odd_names, spelled
from server.kernel.http.probes import PROBES
from server.kernel.http.protocol import Protocol
from server.kernel.http.refusals import HANDLERS, allowed_methods, refusal, refuse
from server.kernel.http.rendering import Template, fragment, hold, live, offered_reasons, partial, render
from server.kernel.http.static_files import Static

__all__ = [
    "FORMULA_SIGNS",
    "HANDLERS",
    "IDEMPOTENCY_KEY",
    "INSTALLABLE",
    "PREFIX",
    "PROBES",
    "WHOLE",
    "ArgumentRow",
    "Ask",
    "Bodies",
    "BodyLimit",
    "Call",
    "CapturedAt",
    "Documented",
    "Json",
    "JsonObject",
    "ListFilters",
    "Look",
    "Measured",
    "Model",
    "Moment",
    "Partials",
    "Percent",
    "Protocol",
    "SameOrigin",
    "SecurityHeaders",
    "Static",
    "Template",
    "Text",
    "TrustedHosts",
    "Utf8Forms",
    "allowed_methods",
    "argument",
    "argument_rows",
    "arguments",
    "check_json",
    "clock_time",
    "compressed",
    "csv",
    "csv_lines",
    "csv_stream",
    "cut",
    "document",
    "drop_cookie",
    "drop_doubtful",
    "duration",
    "first_arguments",
    "fitting",
    "form",
    "fragment",
    "hold",
    "html_size",
    "identifier",
    "insecure",
    "is_id",
    "json_digest",
    "key_row",
    "live",
    "look_of",
    "loopback",
    "mask_phone",
    "now",
    "odd_names",
    "offered_reasons",
    "own_path",
    "partial",
    "refusal",
    "refuse",
    "render",
    "routes",
    "security_headers",
    "session_cookie",
    "set_cookie",
    "set_device",
    "set_look",
    "signed_in",
    "size_of",
    "spelled",
    "static",
    "time_of_day",
    "trusted_hosts",
    "viewer_of",
    "visitor_of",
    "whole_number",
    "zone_cookie",
]
