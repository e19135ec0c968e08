"""One interaction of an agent: what is said, a tool that a supervisor allows or denies, and the end."""

import os
import sys
from typing import Any

import httpx

ADDRESS = os.environ.get("FLOORWALKER_API", "http://127.0.0.1:8000/api/v1")
HEADERS = {"Authorization": f"Bearer {os.environ['FLOORWALKER_KEY']}"}


def issue_refund(order_id: str, amount: float) -> dict[str, Any]:
    """Your own tool."""
    return {"refund": f"{amount:.2f} for {order_id}"}


def run_tool(api: httpx.Client, interaction: str, arguments: dict[str, Any]) -> str:
    """Ask, wait for the decision, claim the one execution, run the tool, report it; a sentence for the model.

    Only a 201 on the claim lets the tool run. Whatever else happens, an answer that is no "allowed", an error,
    a lost connection, the tool does not run.
    """
    asked = api.post(
        f"/interactions/{interaction}/tool-permissions",
        json={"tool_name": "issue_refund", "arguments": arguments},
    )
    permission = asked.raise_for_status().json()
    address = f"/tool-permissions/{permission['id']}"
    while permission["status"] == "pending":
        permission = api.get(address, params={"wait": 55}).raise_for_status().json()
    if permission["status"] != "allowed":
        return f"The refund was not made: {permission['status']}. {permission['reason'] or ''}".strip()
    claim = api.post(f"{address}/execution", json={"arguments_digest": permission["arguments_digest"]})
    execution = {"execution_id": claim.raise_for_status().json()["execution_id"]}
    try:
        result = issue_refund(**permission["arguments"])
    except Exception as error:
        api.patch(f"{address}/execution", json={**execution, "succeeded": False, "result": str(error)})
        raise
    api.patch(f"{address}/execution", json={**execution, "succeeded": True, "result": result})
    return f"The refund was made: {result['refund']}"


def main() -> None:
    """Play the interaction."""
    with httpx.Client(base_url=ADDRESS, headers=HEADERS, timeout=65) as api:
        started = api.post(
            "/interactions", json={"interaction_type": "voice", "phone_number": "+14155550123"}
        )
        interaction = started.raise_for_status().json()["id"]
        status = "failed"
        try:
            said = {"speaker": "customer", "text": "My order arrived broken. I want my money back."}
            api.post(f"/interactions/{interaction}/turns", json=said).raise_for_status()
            mood = {"sentiment": "critical", "satisfaction_score": 31}
            api.post(f"/interactions/{interaction}/metrics", json=mood).raise_for_status()
            print(run_tool(api, interaction, {"order_id": "A-1001", "amount": 42.5}))
            status = "completed"
        finally:
            api.post(f"/interactions/{interaction}/end", json={"status": status})


if __name__ == "__main__":
    sys.exit(main())
