// What goes over the line in a person's place until the encryption is proven: black and silence that the page makes itself.

export interface StandIn {
  readonly track: MediaStreamTrack;
  readonly stop: () => void;
}

const WIDTH = 320;
const HEIGHT = 180;
/** By a timer: animation frames stand still in a tab that nobody looks at, and a timer comes once a second there. */
const DRAW_MS = 100;

/** Nothing in it, and nothing of the person's devices: what is disabled of those, Firefox switches off as a whole, also
 * for the tracks that people are seen and heard by. */
export function standInFor(track: MediaStreamTrack): StandIn {
  return track.kind === "video" ? black() : silence();
}

/** The same microphone, disabled, which is silence (Media Capture and Streams, section 4.3.1): for a browser that lets the page make
 * no sound before it was touched. */
export function twinOf(track: MediaStreamTrack): StandIn {
  const same = track.clone();
  same.enabled = false;
  return { track: same, stop: () => same.stop() };
}

function black(): StandIn {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const brush = canvas.getContext("2d", { alpha: false });
  const draw = (): void => brush?.fillRect(0, 0, WIDTH, HEIGHT);
  const track = onlyTrack(canvas.captureStream());
  draw();
  const drawing = setInterval(draw, DRAW_MS);
  return {
    track,
    stop: () => {
      clearInterval(drawing);
      track.stop();
    },
  };
}

function silence(): StandIn {
  const context = new AudioContext();
  const destination = context.createMediaStreamDestination();
  // Without any source a browser makes no frames at all.
  const nothing = new ConstantSourceNode(context, { offset: 0 });
  nothing.connect(destination);
  nothing.start();
  // Allowed as a rule; what a browser says of its state is not asked, as Firefox sends silence of a context that is suspended.
  void context.resume().catch(() => undefined);
  const track = onlyTrack(destination.stream);
  return {
    track,
    stop: () => {
      track.stop();
      if (context.state !== "closed") void context.close().catch(() => undefined);
    },
  };
}

function onlyTrack(stream: MediaStream): MediaStreamTrack {
  const [track] = stream.getTracks();
  if (!track) throw new Error("The browser makes no track of what the page draws or plays.");
  return track;
}
