"""Who calls the API and for which tenant: a token, or the session of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from tenants.access import enter_membership, memberships_of
from tenants.audit import Actor
from tenants.models import ApiToken, Membership, Role, User
from tenants.tokens import find_token

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer nobs_…``; the token itself says the tenant and the role."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[None, Any] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        token = find_token(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "This token is unknown, expired or revoked; make a new one in the settings."
            )
        enter_token(request, token)
        return None, token


class SessionAuthentication(authentication.SessionAuthentication):
    """The signed-in person; ``?tenant=slug`` chooses among several memberships."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is not None:
            enter_membership(request._request, chosen_membership(request, found[0]))
        return found


def enter_token(request: Request, token: ApiToken) -> None:
    """Bind the request to the token's tenant, where middlewares see it as well."""
    bound: Any = request._request
    bound.tenant, bound.role = token.tenant, Role(token.role)
    bound.actor = Actor(f"token {token}", request.META.get("REMOTE_ADDR"))


def chosen_membership(request: Request, user: User) -> Membership:
    """The membership that the request means. Raises NotFound or ValidationError."""
    memberships = memberships_of(user)
    slug = request.query_params.get("tenant")
    if slug is None and len(memberships) == 1:
        return memberships[0]
    for membership in memberships:
        if membership.tenant.slug == slug:
            return membership
    if slug is not None or not memberships:
        raise exceptions.NotFound("There is no such tenant for you.")
    raise exceptions.ValidationError(
        {"tenant": "Say which tenant: " + ", ".join(m.tenant.slug for m in memberships) + "."}
    )


class IsMember(permissions.BasePermission):
    """Reading needs a viewer; a view names the role that its other methods need."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        role: Role | None = getattr(request, "role", None)
        if role is None:
            return False
        needed: Role = getattr(view, "write_role", Role.ADMIN)
        if request.method in permissions.SAFE_METHODS:
            needed = Role.VIEWER
        self.message = f"Your role here is {role.value}; this needs the role {needed.value}."
        return role.includes(needed)
