"""What is watched."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from api.storage.tables.base import Base


class Camera(Base):
    """A camera, registered by the first incident that it saw."""

    __tablename__ = "cameras"

    id: Mapped[str] = mapped_column(primary_key=True)
    registered_at: Mapped[datetime]
    area: Mapped[str | None] = mapped_column(index=True)
