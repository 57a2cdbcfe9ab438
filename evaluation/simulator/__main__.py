"""The server: GStreamer's RTSP server, fed from memory. Runs under the system's Python, as `python3 -m evaluation.simulator`.

Reads JSON lines: first the configuration (see `Simulator`), then commands; answers each with one line. Ends with its input.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from evaluation.simulator.camera import Camera, Sent
from evaluation.simulator.faults import Options
from evaluation.simulator.reel import Reel

try:
    import gi  # type: ignore[import-not-found]

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import Gio, GLib, Gst, GstApp, GstRtsp, GstRtspServer  # type: ignore[import-not-found]
except (ImportError, ValueError) as error:
    sys.exit(f"missing: {error}")

TICK_MS = 10
"""One timer serves all cameras: fine enough beside 33 ms between pictures, and 100 calls a second cost about 1 % of a core."""
BACKLOG_BYTES = 8 << 20
"""What clients don't fetch waits up to this size per camera; then pictures are shed and counted, as a camera does."""
SESSION_CHECK_S = 5
"""Clients that went without a word are forgotten; a session lasts 60 s without a sign of life."""
RTP_TURN_S = 2**32 / 90_000
"""The RTP clock of video has turned once after this long: a jump back is a jump ahead by what is left of a turn."""
ELEMENTS = ("appsrc", "identity", "rtph264pay", "rtph265pay", "rtpbin")
SINKS = ("appsink", "multiudpsink")
"""What sends to clients, over TCP and over UDP."""
ROLE = "viewer"
_PAYLOADERS = {"h264": ("video/x-h264", "rtph264pay"), "hevc": ("video/x-h265", "rtph265pay")}


class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """Makes the elements of one camera."""

    def __init__(self, codec: str) -> None:
        super().__init__()
        self._codec = codec

    def do_create_element(self, _url: Any) -> Any:
        """The server looks for a bin `pay0` and, in it, for the payloader: that hides what loses packets behind it."""
        caps, payloader = _PAYLOADERS[self._codec]
        source = Gst.parse_launch(
            f"appsrc name=source is-live=true format=time max-bytes=0 caps={caps},stream-format=byte-stream,alignment=au"
        )
        pay = Gst.parse_bin_from_description(f"{payloader} name=payloader pt=96 ! identity name=loss silent=true", True)  # noqa: FBT003
        pay.set_name("pay0")
        whole = Gst.Bin()
        whole.add(source)
        whole.add(pay)
        source.link(pay)
        return whole


class Mount:
    """One camera at its path: the factory that makes its media, and the media that clients share."""

    def __init__(self, house: House, path: str, camera: Camera, codec: str) -> None:
        self.path = path
        self.camera = camera
        self.shed = 0
        self.clients: set[Any] = set()
        self._house = house
        self._source: Any = None
        self._loss: Any = None
        self._ended = False
        self.factory = Factory(codec)
        self.factory.set_shared(True)
        self.factory.set_protocols(house.transports)
        if house.permissions is not None:
            self.factory.set_permissions(house.permissions)
        self.factory.connect("media-configure", self._configure)

    def _configure(self, _factory: Any, media: Any) -> None:
        """A client comes and there is no media yet."""
        element = media.get_element()
        source, payloader, loss = (element.get_by_name(name) for name in ("source", "payloader", "loss"))
        # One clock for all cameras, and for all media of a camera.
        pipeline = element.get_parent()
        pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        pipeline.set_base_time(self._house.epoch_ns)
        after_s = self.camera.faults.get("clock_wrap", {}).get("after_s")
        if after_s is not None:
            payloader.set_property("timestamp-offset", round(-(self._house.now_s() + after_s) * 90_000) % 2**32)
        pipeline.connect("deep-element-added", _unsynchronised)
        media.connect("unprepared", lambda _media: GLib.idle_add(self._gone, source))
        self._source, self._loss, self._ended = source, loss, False
        self._set_loss()
        now_s = self._house.now_s()
        self.camera.watched(now_s)
        self.feed(now_s)  # the server waits for the first picture, which no tick can bring meanwhile

    def _gone(self, source: Any) -> None:
        if source is self._source:
            self._source = self._loss = None
            self.camera.unwatched()

    def feed(self, now_s: float) -> None:
        """Sends what is due."""
        if self._source is None:
            return
        for sent in self.camera.due(now_s):
            if self._source.get_current_level_bytes() > BACKLOG_BYTES:
                self.shed += 1
            else:
                self._source.push_buffer(self._buffer(sent))
        if self.camera.ended and not self._ended:
            self._ended = True
            self._source.end_of_stream()

    def _buffer(self, sent: Sent) -> Any:
        held = self._house.held[sent.reel.path]
        buffer = Gst.Buffer.new_wrapped_bytes(GLib.Bytes.new_from_bytes(held, sent.offset_bytes, sent.size_bytes))
        stamp_s = sent.stamp_s if sent.stamp_s >= 0 else sent.stamp_s % RTP_TURN_S
        buffer.pts = buffer.dts = round(stamp_s * 1e9)
        return buffer

    def start(self, fault: str, options: Options) -> None:
        """A fault begins."""
        self.camera.start(fault, options, self._house.now_s())
        self._take_effect(fault)

    def end(self, fault: str) -> None:
        """A fault ends."""
        self.camera.end(fault, self._house.now_s())
        self._take_effect(fault)

    def _take_effect(self, fault: str) -> None:
        on = fault in self.camera.faults
        if fault == "loss":
            self._set_loss()
        elif fault == "drop":
            (self._house.hide if on else self._house.show)(self)
        elif fault == "no_sender_reports":
            self.factory.set_enable_rtcp(not on)
        if fault == "no_sender_reports" or (on and fault in ("drop", "clock_wrap")):
            self._house.send_away(self)

    def _set_loss(self) -> None:
        if self._loss is not None:
            self._loss.set_property("drop-probability", self.camera.faults.get("loss", {}).get("share", 0.0))


def _unsynchronised(_pipeline: Any, _bin: Any, element: Any) -> None:
    """Pictures go out when they are pushed, whatever their time stamps say. The server switches that off at each PLAY."""
    if element.get_factory().get_name() in SINKS:
        element.connect("notify::sync", _switch_off_sync)
        element.set_property("sync", False)  # noqa: FBT003


def _switch_off_sync(element: Any, _property: Any) -> None:
    if element.get_property("sync"):
        element.set_property("sync", False)  # noqa: FBT003


class House:
    """The server with all its cameras."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._epoch_s: float = config["epoch_s"]
        self.epoch_ns = round(self._epoch_s * 1e9)
        self.transports = GstRtsp.RTSPLowerTrans(0)
        for name in config["transports"]:
            self.transports |= getattr(GstRtsp.RTSPLowerTrans, name.upper())
        self.permissions: Any = None
        self._server = GstRtspServer.RTSPServer()
        # Clients are served by the main loop: to close one while a thread of the pool serves it crashes GStreamer.
        self._server.get_thread_pool().set_max_threads(0)
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(config["port"]))
        self._guard(config)
        reels = [Reel.load(Path(path)) for path in config["reels"]]
        self.held = {reel.path: GLib.MappedFile.new(str(reel.path), False).get_bytes() for reel in reels}  # noqa: FBT003
        self.mounts = [self._mount(number, entry, reels, config) for number, entry in enumerate(config["cameras"])]
        self._by_path = {mount.path: mount for mount in self.mounts}
        for mount in self.mounts:
            self.show(mount)
        self._server.connect("client-connected", self._client_connected)

    def _guard(self, config: dict[str, Any]) -> None:
        if not (config["login"] or config["certificate"]):
            return
        auth = GstRtspServer.RTSPAuth()
        if config["certificate"]:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(config["certificate"]))
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
        if not config["login"]:
            auth.set_default_token(token)
        elif config["auth"] == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(*config["login"].split(":", 1), token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*config["login"].split(":", 1)), token)
        self.permissions = GstRtspServer.RTSPPermissions()
        for permission in ("access", "construct"):
            self.permissions.add_permission_for_role(ROLE, f"media.factory.{permission}", True)  # noqa: FBT003
        self._server.set_auth(auth)

    def _mount(self, number: int, entry: dict[str, Any], reels: list[Reel], config: dict[str, Any]) -> Mount:
        home = entry["clip"]
        camera = Camera(reels, home, loop=config["loop"], phase_s=entry["phase_s"], seed=config["seed"] + number)
        return Mount(self, f"/cam-{number}", camera, reels[home].codec)

    def _client_connected(self, _server: Any, client: Any) -> None:
        client.connect("describe-request", self._asked)
        client.connect("closed", lambda client: GLib.idle_add(self._client_closed, client))

    def _asked(self, client: Any, context: Any) -> None:
        mount = self._by_path.get(context.uri.abspath)
        if mount is not None:
            mount.clients.add(client)

    def _client_closed(self, client: Any) -> None:
        for mount in self.mounts:
            mount.clients.discard(client)

    def now_s(self) -> float:
        """Seconds since the simulator began."""
        return time.monotonic() - self._epoch_s

    def show(self, mount: Mount) -> None:
        """The camera can be found."""
        self._server.get_mount_points().add_factory(mount.path, mount.factory)

    def hide(self, mount: Mount) -> None:
        """Whoever asks for the camera is told that there is none."""
        self._server.get_mount_points().remove_factory(mount.path)

    def send_away(self, mount: Mount) -> None:
        """Closes all connections to a camera."""
        pool = self._server.get_session_pool()
        for client in list(mount.clients):
            for session in client.session_filter(lambda *_: GstRtspServer.RTSPFilterResult.REF) or ():
                pool.remove(session)
            client.close()
        mount.clients.clear()

    def open(self) -> int:
        """Begins to serve; gives the port.

        Raises:
            OSError: The port is taken.
        """
        if not self._server.attach(None):
            raise OSError(f"port {self._server.get_service()} of 127.0.0.1 can't be had")
        GLib.timeout_add(TICK_MS, self._tick)
        GLib.timeout_add_seconds(SESSION_CHECK_S, lambda: self._server.get_session_pool().cleanup() >= 0)
        return int(self._server.get_bound_port())

    def _tick(self) -> bool:
        now_s = self.now_s()
        for mount in self.mounts:
            mount.feed(now_s)
        return True

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Does what one line asks for; whoever sent it has checked it."""
        if command["do"] == "status":
            return {
                "cameras": [
                    {"clients": len(mount.clients), "pictures": mount.camera.pictures, "shed": mount.shed}
                    for mount in self.mounts
                ]
            }
        mount = self.mounts[command["camera"]]
        if command["do"] == "start":
            mount.start(command["fault"], command["options"])
        else:
            mount.end(command["fault"])
        return {}


def say(line: dict[str, Any]) -> None:
    """One JSON line to whoever started the server."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def listen(house: House, loop: Any) -> None:
    """Hands each line to the main loop, which alone touches the cameras; ends the loop with the input."""
    for line in sys.stdin:
        GLib.idle_add(lambda command: say(house.obey(command)), json.loads(line))
    GLib.idle_add(loop.quit)


def main() -> None:
    """Serves until the input ends."""
    Gst.init(None)
    GstApp  # noqa: B018 - with it an appsrc has its methods
    absent = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    if absent:
        sys.exit(f"missing: GStreamer elements {', '.join(absent)}")
    house = House(json.loads(sys.stdin.readline()))
    try:
        port = house.open()
    except (OSError, GLib.Error) as error:
        sys.exit(f"refused: {error}")
    loop = GLib.MainLoop()
    threading.Thread(target=listen, args=(house, loop), daemon=True).start()
    say({"port": port})
    loop.run()


main()
