"""The job `probe`: opens an address and says what comes from it, as `cameras check` does."""

from collections.abc import Mapping

from detector.check import describe
from detector.jobs.places import camera_of
from detector.jobs.task import Bench, Done, JobError, Task
from detector.zoning.cameras_file import Camera
from streams.errors import SourceError
from streams.source.probe import probe


class Prober:
    """Looks at addresses.

    Args:
        cameras: Those whose address this worker has, by id.
    """

    def __init__(self, cameras: Mapping[str, Camera]) -> None:
        self._cameras = cameras

    def __call__(self, task: Task, bench: Bench) -> Done:
        """Probes. An address that gives no video is an answer, too: a result with `error`.

        Raises:
            JobError: The address is not allowed, or the camera is not known here.
        """
        camera = camera_of(task, self._cameras)
        bench.progress(0.1, "opening")
        try:
            known = probe(camera.address)
        except SourceError as error:
            return Done({"opens": False, "error": str(error), "source": str(camera.address)})
        except ValueError as error:  # an address that FFmpeg's options can't take
            raise JobError(f"{camera.address}: {error}", final=True) from None
        return Done({"opens": True, "source": str(camera.address), **describe(camera, known)})
