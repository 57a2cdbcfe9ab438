"""Metrics that are counted when somebody asks: the same numbers from every process that shares the database."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.clock import now
from api.storage.database import Database

_LOG = logging.getLogger(__name__)


class Counted(Collector, ABC):
    """Counts in one transaction, and says nothing while the database is away.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def counted(self, session: Session, moment: datetime) -> Iterator[Metric]:
        """The metrics as they are now, complete when they are given."""

    def collect(self) -> Iterator[Metric]:
        """All of them, or none."""
        try:
            with self._database.read() as session:
                metrics = list(self.counted(session, now()))
        except SQLAlchemyError:
            _LOG.exception("%s: can't be counted", type(self).__name__)
            return
        yield from metrics
