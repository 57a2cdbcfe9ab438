"""The job `viewing_copy`: a clip that browsers can't play, in H.264."""

import av

from detector.jobs.task import Bench, Done, JobError, Task
from streams.viewing import write_viewing_copy


def make_viewing_copy(task: Task, bench: Bench) -> Done:
    """Makes the copy; the original stays where it is.

    Raises:
        JobError: The clip is gone, or no picture of it can be decoded.
    """
    wanted = task.output
    bench.progress(0.0, "fetching the clip")
    clip = bench.fetch(task.spec["source"])
    bench.progress(0.1, "encoding")
    try:
        copy = write_viewing_copy(clip, bench.folder / wanted.name)
    except (ValueError, av.error.FFmpegError) as error:
        raise JobError(f"{clip.name} can't be decoded: {error}", final=True) from None
    bench.progress(0.95, "sending")
    result = {
        "codec": "h264",
        "width_px": copy.width_px,
        "height_px": copy.height_px,
        "pictures": copy.pictures,
        "undecodable": copy.undecodable,
    }
    return Done(result, {wanted.name: copy.path})
