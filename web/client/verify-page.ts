// The page that checks an export: a file is chosen, this browser reads it, nothing is sent.

import { EvidenceError } from "./evidence/canonical";
import { Verifier, WITNESS_KEY } from "./evidence/note";
import { verify, type Report } from "./evidence/verify";

const PIECE = 1 << 20;
const BREATHE_EVERY = 2000;

/** The lines of a file, read piece by piece; the page stays alive in between. */
async function* linesOf(file: Blob): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let told = 0;
  for (let at = 0; at < file.size; at += PIECE) {
    const bytes = await file.slice(at, at + PIECE).arrayBuffer();
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      yield line;
      told += 1;
      if (told % BREATHE_EVERY === 0) await new Promise((resolve) => setTimeout(resolve));
    }
  }
  rest += decoder.decode();
  if (rest) yield rest;
}

function fill(text: string | undefined, values: Record<string, string | number>): string {
  return (text ?? "").replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

function paragraph(text: string, className = "govuk-body"): HTMLParagraphElement {
  const made = document.createElement("p");
  made.className = className;
  made.textContent = text;
  return made;
}

function told(report: Report, words: DOMStringMap, asked: boolean): HTMLElement[] {
  const { first, header } = report;
  const verdict = document.createElement("h2");
  verdict.className = "govuk-heading-l";
  verdict.dataset["verdict"] = first ? first.wrong : "intact";
  const wrong = `wrong${(first?.wrong ?? "").replace(/(^|\s)(\w)/g, (_all, _gap, letter: string) => letter.toUpperCase())}`;
  verdict.textContent = (first ? words[wrong] : words["intact"]) ?? "";
  const parts: HTMLElement[] = [verdict];
  if (first?.line != null) {
    const text = first.sequence === null ? words["atLine"] : words["at"];
    parts.push(paragraph(fill(text, { entry: first.sequence ?? 0, line: first.line }), "govuk-body-l"));
  }
  parts.push(paragraph(fill(words["entries"], { count: report.entries })));
  const newest = header.checkpoints[header.checkpoints.length - 1];
  if (newest) parts.push(paragraph(fill(words["signed"], { log: header.log.name, size: newest.size })));
  for (const { name, size, at } of report.witnessed) {
    const when = at.toLocaleString(document.documentElement.lang || "en");
    parts.push(paragraph(fill(words["witnessed"], { name, size, at: when })));
  }
  if (report.unwitnessed) parts.push(paragraph(fill(words["newer"], { count: report.unwitnessed })));
  if (!asked) parts.push(paragraph(words["unwitnessedNote"] ?? "", "govuk-inset-text"));
  return parts;
}

function readWitness(text: string): Verifier[] {
  if (!text.trim()) return [];
  const key = Verifier.read(text);
  if (key.kind !== WITNESS_KEY) throw new EvidenceError("the key of a log, not of a witness");
  return [key];
}

function start(form: HTMLFormElement, result: HTMLElement): void {
  const words = form.dataset;
  const file = form.querySelector<HTMLInputElement>("input[type=file]");
  const witness = form.querySelector<HTMLInputElement>("#witness");
  const button = form.querySelector("button");
  const say = (...parts: (HTMLElement | string | undefined)[]): void => {
    result.replaceChildren(...parts.map((part) => (part instanceof HTMLElement ? part : paragraph(part ?? ""))));
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = file?.files?.[0];
    if (!chosen) return say(words["choose"]);
    let witnesses: Verifier[];
    try {
      witnesses = readWitness(witness?.value ?? "");
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      return say(words["badKey"]);
    }
    say(words["working"]);
    if (button) button.disabled = true;
    verify(linesOf(chosen), witnesses)
      .then((report) => say(...told(report, words, witnesses.length > 0)))
      .catch((error: unknown) => {
        say(words["unread"]);
        if (!(error instanceof EvidenceError || error instanceof TypeError)) throw error;
      })
      .finally(() => {
        if (button) button.disabled = false;
        result.focus();
      });
  });
}

const form = document.querySelector<HTMLFormElement>("form#verify");
const result = document.getElementById("result");
if (form && result) start(form, result);
