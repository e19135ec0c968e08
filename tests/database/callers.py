"""Who may call a function of the database, and what each actor gets: the rows of functions.py."""

from dataclasses import dataclass, field

UNKNOWN = "'00000000-0000-4000-8000-000000000000'::uuid"
PEOPLE = "owner other admin"  # with rights; nobody, deactivated and deactivated_admin have none
KEYS = "its_key other_key revoked_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    may: str = ""  # the roles that have EXECUTE; all others are refused
    call: str = ""  # how it is called; {id} is the sample's own, null, or one that nobody has
    id: str = ""
    unknown_id: str = UNKNOWN
    its: dict[str, str] = field(default_factory=dict)  # fate → the actors who meet it with the sample's id
    otherwise: str = "nothing"  # the fate of all others who may call
    unknown: str = ""  # the fate of those named in `its` with null and unknown ids; `otherwise` when not said


def of(role: str, call: str, its: str = "", otherwise: str = "nothing", **more: str) -> Function:
    """The actors named in `its` get an answer; everybody else who may call meets `otherwise`."""
    return Function(may=role, call=call, its={"gives": its}, otherwise=otherwise, **more)


NOBODY = Function()
PERSON, AGENT, WEB, SERVICE = "authenticated", "agent_runtime", "floorwalker_web", "service_role"
EVERY_ROLE = f"{PERSON} {AGENT} {WEB} {SERVICE}"
