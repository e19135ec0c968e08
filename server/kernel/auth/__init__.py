"""Who makes a request: sign-in, web sessions, tokens, keys of agents, and limits on attempts.

Others use the names below.
"""

from server.kernel.auth.callers import AgentCaller, Role, Viewer
from server.kernel.auth.limits import Limits
from server.kernel.auth.passwords import PasswordRefused, PasswordSet, name_fault, password_fault
from server.kernel.auth.secret_keys import SecretKeys, Unopened, listed
from server.kernel.auth.sign_in import Auth
from server.kernel.auth.supabase import WRONG_KEY, Administration, Link, Login, within
from server.kernel.auth.tokens import digest, usable
from server.kernel.auth.web_sessions import Visitor

__all__ = [
    "WRONG_KEY",
    "Administration",
    "AgentCaller",
    "Auth",
    "Limits",
    "Link",
    "Login",
    "PasswordRefused",
    "PasswordSet",
    "Role",
    "SecretKeys",
    "Unopened",
    "Viewer",
    "Visitor",
    "digest",
    "listed",
    "name_fault",
    "password_fault",
    "usable",
    "within",
]
