"""A small ONVIF device: checks WS-UsernameToken digests, says what it is, answers searches."""

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

from lxml import etree

from tests.streams.web_camera import Server, served

USER, PASSWORD = "operator", "s3cret"
CLOCK_OFF = timedelta(hours=-9)
"""The device's clock was never set, and it insists on it."""
FRESH = timedelta(seconds=30)
_ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"'
    ' xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{}</s:Body></s:Envelope>'
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">Sender not Authorized</s:Text></s:Reason></s:Fault>'
)
_TIME = (
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
    "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime>"
    "<tt:Time><tt:Hour>{0.hour}</tt:Hour><tt:Minute>{0.minute}</tt:Minute><tt:Second>{0.second}</tt:Second></tt:Time>"
    "<tt:Date><tt:Year>{0.year}</tt:Year><tt:Month>{0.month}</tt:Month><tt:Day>{0.day}</tt:Day></tt:Date>"
    "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
)
_SERVICE = (
    "<tds:Service><tds:Namespace>http://www.onvif.org/ver10/{0}/wsdl</tds:Namespace>"
    "<tds:XAddr>http://127.0.0.1:{1}/onvif/{0}</tds:XAddr>"
    "<tds:Version><tt:Major>2</tt:Major><tt:Minor>6</tt:Minor></tds:Version></tds:Service>"
)
_PROFILE = (
    '<trt:Profiles token="{token}" fixed="true"><tt:Name>{name}</tt:Name>'
    '<tt:VideoEncoderConfiguration token="encoder-{token}"><tt:Name>encoder</tt:Name><tt:UseCount>1</tt:UseCount>'
    "<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
    "</tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl><tt:FrameRateLimit>{fps}</tt:FrameRateLimit>"
    "<tt:EncodingInterval>1</tt:EncodingInterval><tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
    "<tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></trt:Profiles>"
)
_SOUND = '<trt:Profiles token="sound" fixed="true"><tt:Name>sound alone</tt:Name></trt:Profiles>'


class Device(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        request = etree.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        action = request.find("{*}Body")[0]
        name = etree.QName(action).localname
        self.server.requests.append(name)
        known = name == "GetSystemDateAndTime" or _knows(request)
        body = _ENVELOPE.format(self.answer(name, action) if known else _FAULT).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, name: str, action: etree._Element) -> str:
        port = self.server.server_port
        match name:
            case "GetSystemDateAndTime":
                return _TIME.format(datetime.now(UTC) + CLOCK_OFF)
            case "GetServices":
                services = _SERVICE.format("device", port) + _SERVICE.format("media", port)
                return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"
            case "GetDeviceInformation":
                return (
                    "<tds:GetDeviceInformationResponse><tds:Manufacturer>Acme</tds:Manufacturer>"
                    "<tds:Model>Dome\n# \x9b31m4</tds:Model><tds:FirmwareVersion>1.2</tds:FirmwareVersion>"
                    "<tds:SerialNumber>7</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
                    "</tds:GetDeviceInformationResponse>"
                )
            case "GetProfiles":
                main = _PROFILE.format(token="main", name="mainStream", width=2560, height=1440, fps=25)
                sub = _PROFILE.format(token="sub", name="subStream", width=640, height=360, fps=10)
                return f"<trt:GetProfilesResponse>{main}{sub}{_SOUND}</trt:GetProfilesResponse>"
            case "GetStreamUri":
                url = f"rtsp://127.0.0.1:554/{action.findtext('{*}ProfileToken')}?unicast=true&amp;proto=Onvif"
                return (
                    f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{url}</tt:Uri>"
                    "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false"
                    "</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
                )
        return _FAULT


def _knows(request: etree._Element) -> bool:
    def said(name: str) -> str:
        return next((element.text or "" for element in request.iter(f"{{*}}{name}")), "")

    digest = hashlib.sha1(base64.b64decode(said("Nonce")) + said("Created").encode() + PASSWORD.encode()).digest()
    if said("Username") != USER or said("Password") != base64.b64encode(digest).decode():
        return False
    return abs(datetime.fromisoformat(said("Created")) - datetime.now(UTC) - CLOCK_OFF) < FRESH


def device():
    return served(Device)


@contextmanager
def answering(*answers: bytes) -> Iterator[None]:
    """Answers a search on the loopback interface with these messages."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("239.255.255.250", 3702))
        loopback = struct.pack("4s4s", socket.inet_aton("239.255.255.250"), socket.inet_aton("127.0.0.1"))
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, loopback)
        listening.settimeout(0.1)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    probe, asker = listening.recvfrom(1 << 16)
                except TimeoutError:
                    continue
                assert etree.fromstring(probe).find(".//{*}Probe/{*}Types").text.endswith(":NetworkVideoTransmitter")
                for message in answers:
                    listening.sendto(message, asker)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
