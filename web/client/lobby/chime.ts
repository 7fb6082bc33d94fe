/** The sound of the lobby: two soft notes, made here as a WAV file, so that there is nothing to fetch. */

const RATE = 22_050;
const NOTES: readonly { readonly hz: number; readonly from: number; readonly to: number }[] = [
  { hz: 523.25, from: 0, to: 0.9 },
  { hz: 659.25, from: 0.35, to: 1.6 },
];

/** A WAV file: 16 bits, one channel, about a second and a half. */
export function chimeFile(): ArrayBuffer {
  const length = Math.round(RATE * 1.6);
  const file = new ArrayBuffer(44 + length * 2);
  const view = new DataView(file);
  const put = (offset: number, word: string): void =>
    [...word].forEach((letter, index) => view.setUint8(offset + index, letter.charCodeAt(0)));
  put(0, "RIFF");
  view.setUint32(4, 36 + length * 2, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, length * 2, true);
  for (let i = 0; i < length; i++) view.setInt16(44 + i * 2, Math.round(loudness(i / RATE) * 0x7fff), true);
  return file;
}

/** The curve at `seconds`, within ±0.9. */
function loudness(seconds: number): number {
  let sum = 0;
  for (const { hz, from, to } of NOTES) {
    if (seconds < from || seconds >= to) continue;
    const attack = Math.min(1, (seconds - from) / 0.02);
    const release = (to - seconds) / (to - from);
    sum += 0.4 * attack * release * release * Math.sin(2 * Math.PI * hz * (seconds - from));
  }
  return Math.max(-0.9, Math.min(0.9, sum));
}

let player: HTMLAudioElement | undefined;

/**
 * Plays it through `speaker` (a sink id, or "" for the system's own). One element for all: phones let an element play
 * by itself once a person has started it by hand. Rejects when the browser does not let it sound.
 */
export async function playChime(speaker = ""): Promise<void> {
  player ??= new Audio(URL.createObjectURL(new Blob([chimeFile()], { type: "audio/wav" })));
  if (speaker !== "" && "setSinkId" in player) await player.setSinkId(speaker).catch(() => undefined);
  player.currentTime = 0;
  await player.play();
}
