"""Who am I, and what is my token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.testing.kobo.state import stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call


def me(call: Call) -> Reply:
    """Describe the caller; nobody is told so, with status 200."""
    if call.user is None:
        return Reply.of_json({"message": "user is not logged in"})
    name = call.user.name
    organization = f"org{call.user.uid[1:]}"
    described = {
        "username": name,
        "first_name": "",
        "last_name": "",
        "email": f"{name}@example.invalid",
        "is_superuser": False,
        "server_time": stamp_time(call.world.clock, whole=True),
        "date_joined": stamp_time(call.user.joined, whole=True),
        "projects_url": f"{call.world.url}/{name}",
        "gravatar": f"{call.world.url}/avatar/{name}",
        "last_login": None,
        "extra_details": {"name": "", "organization": "", "require_auth": True},
        "git_rev": False,
        "social_accounts": [],
        "validated_password": True,
        "accepted_tos": False,
        "organization": {
            "url": call.link(f"/api/v2/organizations/{organization}/"),
            "name": f"{name}'s organization",
            "uid": organization,
        },
        "extra_details__uid": call.user.uid,
    }
    return Reply.of_json(described)


def token(call: Call) -> Reply:
    """Give the caller's token."""
    if call.user is None:
        refusal = {"detail": "Authentication credentials were not provided."}
        return Reply.of_json(refusal, 401, WWW_Authenticate="Session")
    return Reply.of_json({"token": call.user.token})
