/** Our own small pictures, drawn on a 24 × 24 field with one line width; in the colour of the text beside. */

const SVG = "http://www.w3.org/2000/svg";

/** Each picture is a list of paths; a path that begins with "!" is filled, not drawn. */
const PATHS = {
  microphone: [
    "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z",
    "M5.5 11a6.5 6.5 0 0 0 13 0",
    "M12 17.5V21",
    "M8.5 21h7",
  ],
  "microphone-off": [
    "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z",
    "M5.5 11a6.5 6.5 0 0 0 13 0",
    "M12 17.5V21",
    "M8.5 21h7",
    "M4 3l16 18",
  ],
  camera: ["M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z", "M15.5 11l6-3.5v9l-6-3.5"],
  "camera-off": [
    "M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z",
    "M15.5 11l6-3.5v9l-6-3.5",
    "M4 3l16 18",
  ],
  "camera-switch": [
    "M3 8.5h3.5L8.5 6h7l2 2.5H21v10H3z",
    "M9 13.5a3 3 0 0 1 5.4-1.8",
    "M14.6 10v2h-2",
    "M15 13.5a3 3 0 0 1-5.4 1.8",
    "M9.4 17v-2h2",
  ],
  speaker: ["M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z", "M15 9a4.2 4.2 0 0 1 0 6", "M17.6 6.4a8 8 0 0 1 0 11.2"],
  phone: [
    "M6.2 3.5l3 .3 1.4 4.2-2 1.7a12.5 12.5 0 0 0 5.7 5.7l1.7-2 4.2 1.4.3 3a2.4 2.4 0 0 1-2.5 2.7" +
      "A15.6 15.6 0 0 1 3.5 6a2.4 2.4 0 0 1 2.7-2.5z",
  ],
  person: ["M12 3.5a4 4 0 1 1 0 8 4 4 0 0 1 0-8z", "M4.5 20.5a7.5 7.5 0 0 1 15 0z"],
  "two-persons": [
    "M8 5a3.3 3.3 0 1 1 0 6.6A3.3 3.3 0 0 1 8 5z",
    "M1.8 20a6.2 6.2 0 0 1 12.4 0z",
    "M15.2 5.3a3.3 3.3 0 1 1 1.3 6.3",
    "M17 14.1a6.2 6.2 0 0 1 5.2 5.9H17.5",
  ],
  people: [
    "M12 4.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
    "M6.5 19.5a5.5 5.5 0 0 1 11 0z",
    "M5 7a2.3 2.3 0 1 1 .6 4.5",
    "M1.5 17a4.2 4.2 0 0 1 3.6-4.1",
    "M19 7a2.3 2.3 0 1 0-.6 4.5",
    "M22.5 17a4.2 4.2 0 0 0-3.6-4.1",
  ],
  leave: ["M13.5 3.5h-8v17h8", "M10 12h11", "M17 7.5l4.5 4.5-4.5 4.5"],
  clock: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M12 7v5.2l3.4 2"],
  warning: ["M12 3.5L22 20.5H2z", "M12 9.5v5.5", "M12 17.4v.4"],
  check: ["M4 12.8l5.2 5.4L20 6.5"],
  cross: ["M5.5 5.5l13 13", "M18.5 5.5l-13 13"],
  hand: [
    "M7.5 12V6.2a1.6 1.6 0 0 1 3.2 0V11",
    "M10.7 11V4.6a1.6 1.6 0 0 1 3.2 0V11",
    "M13.9 11V6a1.6 1.6 0 0 1 3.2 0v7.5c0 4.4-2.4 7-5.7 7-2.6 0-4-1.1-5.3-3.3L3.9 13a1.5 1.5 0 0 1 2.5-1.6L7.5 13",
  ],
  text: ["M4 4.5h16v11.5H11l-4.5 4v-4H4z", "M8 8.8h8", "M8 12h5"],
  screen: ["M3 4.5h18v12H3z", "M12 16.5v3.5", "M8 20h8"],
  lock: ["M6 10.5h12v10H6z", "M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5"],
  copy: ["M8.5 8.5h11v12h-11z", "M15.5 8.5v-5h-11v12h4"],
  more: [
    "!M12 4.2a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z",
    "!M12 10.4a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z",
    "!M12 16.6a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z",
  ],
  grid: ["M4 4h7v7H4z", "M13 4h7v7h-7z", "M4 13h7v7H4z", "M13 13h7v7h-7z"],
  pin: ["M9 3.5h6l-1 6 3.5 3.5h-11L10 9.5z", "M12 13v7.5"],
  settings: [
    "M4 7h9",
    "M17 7h3",
    "M15 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
    "M4 17h3",
    "M11 17h9",
    "M9 15a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  ],
  sun: [
    "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8z",
    "M12 2.5V5",
    "M12 19v2.5",
    "M2.5 12H5",
    "M19 12h2.5",
    "M5.3 5.3L7 7",
    "M17 17l1.7 1.7",
    "M18.7 5.3L17 7",
    "M7 17l-1.7 1.7",
  ],
  tree: ["M12 3l6.5 12.5h-13z", "M12 15.5V21"],
  fish: ["M3 12c4-6 10-6 13 0-3 6-9 6-13 0z", "M16 12l5-4v8z", "M7 11v.2"],
  house: ["M3.5 11.5L12 4l8.5 7.5", "M5.5 10v10.5h13V10", "M10 20.5v-6h4v6"],
  cup: ["M5 8h11v7a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4z", "M16 10h2a2.5 2.5 0 0 1 0 5h-2", "M8.5 3v2", "M12.5 3v2"],
  moon: ["!M19.5 14.5A8.2 8.2 0 1 1 9.5 4.5a6.6 6.6 0 0 0 10 10z"],
  heart: ["!M12 20S4 15 4 9.2a4.2 4.2 0 0 1 8-1.7 4.2 4.2 0 0 1 8 1.7C20 15 12 20 12 20z"],
  star: ["M12 3l2.7 5.8 6.3.8-4.6 4.3 1.2 6.3-5.6-3.1-5.6 3.1 1.2-6.3L3 9.6l6.3-.8z"],
  key: ["M8 12.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z", "M10.5 13.5L20 4", "M16.5 7.5L19 10"],
  boat: ["M3.5 15h17l-3 5.5h-11z", "M12 15V3.5l6 8.5h-6"],
} as const satisfies Record<string, readonly string[]>;

export type IconName = keyof typeof PATHS;

/** A picture for `name`. Without a label it is decoration and hidden from screen readers. */
export function icon(name: IconName, label?: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("focusable", "false");
  if (label === undefined) {
    svg.setAttribute("aria-hidden", "true");
  } else {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  }
  for (const path of PATHS[name]) {
    const filled = path.startsWith("!");
    const drawn = document.createElementNS(SVG, "path");
    drawn.setAttribute("d", filled ? path.slice(1) : path);
    drawn.setAttribute("fill", filled ? "currentColor" : "none");
    if (!filled) {
      drawn.setAttribute("stroke", "currentColor");
      drawn.setAttribute("stroke-width", "1.8");
      drawn.setAttribute("stroke-linecap", "round");
      drawn.setAttribute("stroke-linejoin", "round");
    }
    svg.append(drawn);
  }
  return svg;
}
