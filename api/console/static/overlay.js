// Zone and boxes over the clip, from its tracks file.

const ZONE = "#ffd24a";
const SUBJECT = "#ff5a4d";
const OTHER = "#5ac8fa";

/** The frame shown at a moment: the newest one that is not older than one and a half frame times. */
export function frameAt(tracks, seconds) {
  const hold = 1.5 / (tracks.fps || 5);
  let low = 0;
  let high = tracks.frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tracks.frames[middle].t <= seconds + 1e-3) low = middle + 1;
    else high = middle;
  }
  const frame = tracks.frames[low - 1];
  return frame && seconds - frame.t <= hold ? frame : null;
}

/** Where the picture lies within the video element (object-fit: contain), in CSS pixels. */
function pictureArea(video) {
  const { clientWidth: width, clientHeight: height, videoWidth, videoHeight } = video;
  const scale = Math.min(width / videoWidth, height / videoHeight);
  return { left: (width - videoWidth * scale) / 2, top: (height - videoHeight * scale) / 2, width: videoWidth * scale, height: videoHeight * scale };
}

export function drawOverlay(canvas, video, tracks) {
  const density = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * density);
  const height = Math.round(canvas.clientHeight * density);
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const pen = canvas.getContext("2d");
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (!tracks || !video.videoWidth) return;
  const area = pictureArea(video);
  const at = ([x, y]) => [area.left + x * area.width, area.top + y * area.height];
  drawZone(pen, (tracks.zone ?? []).map(at));
  const frame = frameAt(tracks, video.currentTime);
  if (!frame && tracks.anchor) drawBox(pen, at, { box: tracks.anchor }, SUBJECT, { dashed: true });
  for (const found of frame?.boxes ?? []) {
    const isSubject = tracks.subject !== null && found.id === tracks.subject;
    drawBox(pen, at, found, isSubject ? SUBJECT : OTHER, { label: `${found.class} ${found.score?.toFixed(2) ?? ""}`, bold: isSubject });
  }
}

function drawZone(pen, points) {
  if (points.length < 3) return;
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  pen.fillStyle = "rgb(255 210 74 / .10)";
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = ZONE;
  pen.stroke();
}

function drawBox(pen, at, { box }, colour, { label = "", bold = false, dashed = false }) {
  const [left, top] = at([box[0], box[1]]);
  const [right, bottom] = at([box[2], box[3]]);
  pen.lineWidth = bold ? 3 : 1.5;
  pen.setLineDash(dashed ? [6, 5] : []);
  pen.strokeStyle = colour;
  pen.strokeRect(left, top, right - left, bottom - top);
  pen.setLineDash([]);
  if (!label) return;
  pen.font = "600 12px system-ui, sans-serif";
  const width = pen.measureText(label).width + 8;
  const y = top >= 18 ? top - 18 : top;
  pen.fillStyle = colour;
  pen.fillRect(left - pen.lineWidth / 2, y, width, 18);
  pen.fillStyle = "#10141a";
  pen.fillText(label, left + 4 - pen.lineWidth / 2, y + 13);
}
