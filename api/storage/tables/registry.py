"""What is watched, and by which rules: as people have set it, with all that it was before."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class Camera(Base):
    """A camera: known by the first incident that it saw, or because somebody has entered it.

    `area` says which area it lies in; people and tokens may be restricted to some.
    """

    __tablename__ = "cameras"

    id: Mapped[str] = mapped_column(primary_key=True)
    registered_at: Mapped[datetime]
    area: Mapped[str | None] = mapped_column(index=True)


class RegistryEntry(Base):
    """One entry of the registry as it is now; `document` is JSON, None once it has been removed."""

    __tablename__ = "registry_entries"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    document: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]


class RegistryVersion(Base):
    """What an entry was, once for each version; appended, never changed (the database refuses it)."""

    __tablename__ = "registry_versions"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
