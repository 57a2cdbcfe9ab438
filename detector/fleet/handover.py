"""What passes from worker to worker: the open cases of a camera, which a shard keeps on disk anyway."""

import json
import logging
from pathlib import Path

from detector.fleet.client import FleetClient, Lease, Left
from detector.lifecycle.resume import open_path, taken_path, with_revisions
from streams.disk import part_of, settle

log = logging.getLogger(__name__)

EPOCHS_FILE = "epochs.json"


class Handover:
    """Leaves what has changed, and takes over what another one has left.

    Args:
        client: To the event system.
        state_dir: The worker's.
    """

    def __init__(self, client: FleetClient, state_dir: Path) -> None:
        self._client = client
        self._state_dir = state_dir
        self._sent: dict[str, tuple[int, int]] = {}
        """By camera: the epoch, and when the file was written that was left last."""
        self._last = _read_epochs(state_dir / EPOCHS_FILE)
        """By camera: the epoch under which this worker had it last."""

    @property
    def epochs(self) -> dict[str, int]:
        """By camera, the epoch under which this worker had it last; what it writes about it carries that."""
        return dict(self._last)

    def take_over(self, lease: Lease) -> None:
        """Makes ready for a camera: what is known here of its open cases counts only if nobody has had it since.

        Raises:
            AwayError: The event system can't be asked what was left.
        """
        if self._last.get(lease.camera) == lease.epoch:
            return
        # The very first worker of a camera may know it from before there were leases.
        if lease.epoch > 1:
            left = self._client.left(lease) if lease.handover else None
            self._replace(lease.camera, left)
        self._last[lease.camera] = lease.epoch
        path = self._state_dir / EPOCHS_FILE
        part_of(path).write_text(json.dumps(self._last), "utf-8")
        settle(part_of(path), path)

    def leave(self, camera: str) -> None:
        """Leaves what is known of a camera's open cases, if that has changed.

        Raises:
            AwayError: The event system can't be asked.
        """
        epoch, path = self._last.get(camera), open_path(self._state_dir, camera)
        if taken_path(self._state_dir, camera).exists():
            return  # what lies there is from before: whoever watched the camera then may still write
        try:
            written_ns = path.stat().st_mtime_ns
            if epoch is None or self._sent.get(camera) == (epoch, written_ns):
                return
            document = path.read_bytes()
        except FileNotFoundError:
            return
        if not self._client.leave(camera, epoch, document):
            log.warning("camera %s: what it leaves for a successor was not taken", camera)
        self._sent[camera] = (epoch, written_ns)

    def _replace(self, camera: str, left: Left | None) -> None:
        path = taken_path(self._state_dir, camera)
        path.parent.mkdir(parents=True, exist_ok=True)
        part_of(path).write_bytes(b"" if left is None else with_revisions(left.document, left.revisions))
        settle(part_of(path), path)
        if left is not None:
            log.info("camera %s: goes on with what the worker before has left", camera)


def _read_epochs(path: Path) -> dict[str, int]:
    try:
        content = json.loads(path.read_text("utf-8"))
        return {str(camera): int(epoch) for camera, epoch in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        log.warning("%s can't be read, and open cases are taken over from the event system: %s", path, error)
        return {}
