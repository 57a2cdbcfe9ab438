"""Signing in at the city's own provider: OpenID Connect's code flow with PKCE, state and nonce.

The provider says who somebody is and which role they have; here they get an account of that name, and a session like anybody's.
"""

import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.errors import ApiError
from api.identity.credentials import hash_of_secret
from api.identity.oidc_settings import OidcSettings
from api.storage.tables import OutsideSignIn

WAIT = httpx.Timeout(10.0, connect=5.0)
LASTS = timedelta(minutes=10)
"""So long somebody may take at the provider."""
CLOCKS_DIFFER_S = 60
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""No `none`, and none in which the client's secret would be the key."""
ANSWER_BYTES = 1 << 20
METADATA_LASTS = timedelta(hours=1)
ASKED_ANEW_AFTER = timedelta(minutes=5)
"""A provider changes its keys when it wants, but a token that none of them fits must not make us ask each time."""


@dataclass(frozen=True)
class Provider:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    keys: KeySet


class UnknownKeyError(ApiError):
    """None of the keys that are known has signed this."""


class OidcClient:
    """Talks to one provider; what it says of itself is kept for a while.

    Args:
        settings: Which one.
    """

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._known: tuple[datetime, Provider] | None = None
        self._asked_anew_at: datetime | None = None

    def meet(self, moment: datetime) -> None:
        """Asks the provider what it says of itself, unless that is known.

        Raises:
            ApiError: It can't be asked.
        """
        self._provider(moment)

    def begin(self, session: Session, redirect_uri: str, leads_to: str, moment: datetime) -> tuple[str, str]:
        """Begins a sign-in.

        Args:
            session: A write transaction.
            redirect_uri: Where the provider sends the person back to.
            leads_to: The page that they wanted.
            moment: Now.

        Returns:
            Where to send the browser, and the state that only this browser may come back with.

        Raises:
            ApiError: The provider can't be asked.
        """
        provider = self._provider(moment)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        session.execute(delete(OutsideSignIn).where(OutsideSignIn.expires_at <= moment))
        session.add(
            OutsideSignIn(
                state_sha256=hash_of_secret(state),
                nonce=nonce,
                verifier=verifier,
                leads_to=leads_to,
                expires_at=moment + LASTS,
            )
        )
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in provider.authorization_endpoint else "?"
        return f"{provider.authorization_endpoint}{separator}{urlencode(asked)}", state

    def redeem(self, begun: OutsideSignIn, code: str, redirect_uri: str, moment: datetime) -> dict[str, Any]:
        """Exchanges the code that a browser has come back with for the person's claims.

        Args:
            begun: The sign-in that its state belongs to.
            code: From the provider.
            redirect_uri: As it was when it began.
            moment: Now.

        Raises:
            ApiError: The provider can't be asked, refuses the code, or its token is not good.
        """
        provider = self._provider(moment)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": begun.verifier,
        }
        secret = os.environ.get(self.settings.client_secret_env or "")
        auth = (self.settings.client_id, secret) if secret else None
        answer = _asked("POST", provider.token_endpoint, data=form, auth=auth)
        checked = (answer.get("id_token"), self.settings.client_id, begun.nonce, moment)
        try:
            return check_id_token(*checked, provider)
        except UnknownKeyError:
            changed = self._changed(provider, moment)
            if changed is None:
                raise
            return check_id_token(*checked, changed)

    def _provider(self, moment: datetime) -> Provider:
        with self._lock:
            if self._known is not None and moment - self._known[0] < METADATA_LASTS:
                return self._known[1]
        return self._ask(moment)

    def _changed(self, used: Provider, moment: datetime) -> Provider | None:
        """What it says of itself by now, should its keys have changed; None: it has been asked for that a moment ago."""
        with self._lock:
            if self._known is not None and self._known[1] is not used:
                return self._known[1]  # another sign-in has asked
            if self._asked_anew_at is not None and moment - self._asked_anew_at < ASKED_ANEW_AFTER:
                return None
            self._asked_anew_at = moment
        return self._ask(moment)

    def _ask(self, moment: datetime) -> Provider:
        issuer = self.settings.issuer
        said = _asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise ApiError(f"the provider calls itself {said.get('issuer')!r}, not {issuer!r}")
        try:
            keys = KeySet.import_key_set(_asked("GET", said["jwks_uri"]))  # type: ignore[arg-type]
            provider = Provider(issuer, said["authorization_endpoint"], said["token_endpoint"], keys)
        except (KeyError, TypeError, ValueError, JoseError) as error:
            raise ApiError(f"what the provider says of itself can't be used: {type(error).__name__}") from None
        with self._lock:
            self._known = (moment, provider)
        return provider


def take_begun(session: Session, state: str, moment: datetime) -> OutsideSignIn | None:
    """The sign-in that a state belongs to; it is used up by that."""
    begun = session.get(OutsideSignIn, hash_of_secret(state), with_for_update=True)
    if begun is None:
        return None
    session.delete(begun)
    return begun if begun.expires_at > moment else None


def check_id_token(token: object, client_id: str, nonce: str, moment: datetime, provider: Provider) -> dict[str, Any]:
    """The claims of an ID token, if it is the provider's, for us, of this sign-in and of now (OpenID Connect Core, 3.1.3.7).

    Raises:
        UnknownKeyError: It is signed with a key that is not known.
        ApiError: It is not good; says why.
    """
    if not isinstance(token, str):
        raise ApiError("the provider has sent no ID token")
    rules = jwt.JWTClaimsRegistry(
        now=int(moment.timestamp()),
        leeway=CLOCKS_DIFFER_S,
        iss={"essential": True, "value": provider.issuer},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims = jwt.decode(token, provider.keys, algorithms=ALGORITHMS).claims
        rules.validate(claims)
    except (BadSignatureError, InvalidKeyIdError) as error:
        raise UnknownKeyError(f"the provider's token is not good: {error}") from None
    except (JoseError, ValueError, TypeError) as error:
        raise ApiError(f"the provider's token is not good: {error}") from None
    meant = claims.get("aud")
    audience = [meant] if isinstance(meant, str) else meant
    if not isinstance(audience, list) or client_id not in audience:
        raise ApiError("the provider's token is for somebody else")
    if (len(audience) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise ApiError("the provider's token was given to somebody else")
    return dict(claims)


def _asked(method: str, url: str, **more: Any) -> dict[str, Any]:
    try:
        answer = httpx.request(method, url, timeout=WAIT, trust_env=False, **more)
        answer.raise_for_status()
        said = answer.json() if len(answer.content) <= ANSWER_BYTES else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        what = f"it answers {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else str(error)
        raise ApiError(f"the provider can't be asked: {what}") from None
    if not isinstance(said, Mapping):
        raise ApiError("the provider's answer can't be read")
    return dict(said)
