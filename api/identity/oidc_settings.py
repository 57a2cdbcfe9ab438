"""How people sign in at the city's own provider (OpenID Connect): the table `oidc` of the settings."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from api.identity.principals import PERSONS, Role

Claim = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,100}$")]
Origin = Annotated[
    str, StringConstraints(pattern=r"^(https://[^\s@?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s@?#]*)?)$")
]


def _of_a_person(role: Role) -> Role:
    if role not in PERSONS:
        raise ValueError(f"a {role} is a machine; allowed are {', '.join(PERSONS)}")
    return role


PersonRole = Annotated[Role, AfterValidator(_of_a_person)]


class OidcSettings(BaseModel):
    """The provider, and what its claims mean here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Origin
    """As the provider writes it; its settings are found below it."""
    client_id: Claim
    client_secret_env: Variable | None = None
    """Variable of the environment with the client's secret; None: it has none."""
    label: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "City account"
    """What stands on the button."""
    scopes: tuple[Claim, ...] = ("openid", "profile", "email")
    name_claim: Claim = "preferred_username"
    unit_claim: Claim | None = None
    role_claim: Claim = "roles"
    """A text or a list of texts."""
    roles: dict[Claim, PersonRole] = Field(min_length=1)
    """What each value makes of a person; of several, the one with the most rights counts."""
    area_claim: Claim | None = None
    """A text or a list of texts: the areas whose cameras they may see. With it, who has none sees nothing."""
