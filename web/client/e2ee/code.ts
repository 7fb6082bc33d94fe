// The spoken code: two devices agree a short code over the group, one person says it and the other picks it.
// Pure but for WebCrypto.
//
// Commit, answer, reveal: whoever stands between two groups has to settle its own number before it sees the other's,
// so that it can only guess a code, not search for one. Each step is an MLS message; the subject binds both devices
// and the group's whole history.

import {
  canon,
  equal,
  fromBase64url,
  labelled,
  parseObject,
  random,
  sha256,
  toBase64url,
  utf8,
  type Bytes,
} from "./bytes";

/** Both ends have to see exactly the same. The epoch is the one in which the commitment was sent. */
export type CodeSubject = {
  readonly group: string;
  readonly epoch: number;
  /** RFC 9420 section 8.7. */
  readonly authenticator: string;
  readonly showing: CodeEnd;
  readonly choosing: CodeEnd;
};

export type CodeEnd = {
  readonly seat: string;
  /** Fingerprint of the device. */
  readonly device: string;
};

/** What travels, inside an MLS message. */
export type CodeStep =
  | { readonly step: "commit"; readonly round: number; readonly commitment: string }
  | { readonly step: "answer"; readonly round: number; readonly nonce: string }
  | { readonly step: "reveal"; readonly round: number; readonly nonce: string }
  | { readonly step: "result"; readonly round: number; readonly matched: boolean };

/** Four digits; each has a picture for those who cannot use digits. */
export type Code = readonly number[];

/** `mismatch`: media pauses, and a fresh round may follow. `stopped`: no more rounds, media is off. */
export type CodeOutcome = "verified" | "mismatch" | "stopped";

export type Showing =
  | { readonly phase: "committed"; readonly subject: CodeSubject; readonly round: number; readonly nonce: Bytes }
  | { readonly phase: "showing"; readonly round: number; readonly code: Code }
  | { readonly phase: "ended"; readonly round: number; readonly outcome: CodeOutcome };

export type Choosing =
  | {
      readonly phase: "answered";
      readonly subject: CodeSubject;
      readonly round: number;
      readonly commitment: Bytes;
      readonly nonce: Bytes;
    }
  | { readonly phase: "choosing"; readonly round: number; readonly code: Code; readonly choices: readonly Code[] }
  | { readonly phase: "ended"; readonly round: number; readonly outcome: CodeOutcome };

export type CodeFault = "out_of_turn" | "malformed" | "wrong_reveal" | "too_many_rounds";

/** The step is not taken, and the state stays as it was. After "wrong_reveal" and "too_many_rounds" nobody may be
 * called verified. */
export class CodeError extends Error {
  override readonly name = "CodeError";

  constructor(readonly code: CodeFault) {
    super(`The spoken code cannot go on: ${code}.`);
  }
}

const DIGITS = 4;
const CHOICES = 3;
const NONCE = 16;

/** One mismatch may be a slip of the tongue; the second stops. A third commitment allows for one round that a
 * reload cut off.
 * Every further one would be another guess for somebody in between. */
const LAST_ROUND = 2;
export const MOST_COMMITMENTS = 3;

/** The worker's device begins a round, 1 or 2. */
export async function startShowing(
  subject: CodeSubject,
  round: number,
): Promise<{ readonly state: Showing; readonly send: CodeStep }> {
  if (round < 1 || round > LAST_ROUND) throw new CodeError("too_many_rounds");
  const nonce = random(NONCE);
  const commitment = toBase64url(await commitmentTo(subject, round, nonce));
  return { state: { phase: "committed", subject, round, nonce }, send: { step: "commit", round, commitment } };
}

/** "answer" brings the code and the reveal to send; "result" ends the round. */
export async function showingHears(
  state: Showing,
  step: CodeStep,
): Promise<{ readonly state: Showing; readonly send: CodeStep | null }> {
  const { round } = state;
  if (step.round !== round) throw new CodeError("out_of_turn");
  if (state.phase === "committed" && step.step === "answer") {
    const code = await codeOf(state.subject, round, state.nonce, readNonce(step.nonce));
    const send: CodeStep = { step: "reveal", round, nonce: toBase64url(state.nonce) };
    return { state: { phase: "showing", round, code }, send };
  }
  if (state.phase === "showing" && step.step === "result")
    return { state: { phase: "ended", round, outcome: outcomeOf(round, step.matched) }, send: null };
  throw new CodeError("out_of_turn");
}

/** The client's device hears a commitment. `before` counts the commitments it has answered in this call. */
export async function startChoosing(
  subject: CodeSubject,
  step: CodeStep,
  before: number,
): Promise<{ readonly state: Choosing; readonly send: CodeStep }> {
  if (step.step !== "commit") throw new CodeError("out_of_turn");
  if (step.round < 1 || step.round > LAST_ROUND || before >= MOST_COMMITMENTS) throw new CodeError("too_many_rounds");
  const { round } = step;
  const nonce = random(NONCE);
  const commitment = readBytes(step.commitment, 32);
  const send: CodeStep = { step: "answer", round, nonce: toBase64url(nonce) };
  return { state: { phase: "answered", subject, round, commitment, nonce }, send };
}

/** The reveal brings three codes to choose from. */
export async function choosingHears(state: Choosing, step: CodeStep): Promise<Choosing> {
  if (state.phase !== "answered" || step.step !== "reveal" || step.round !== state.round)
    throw new CodeError("out_of_turn");
  const { subject, round, commitment } = state;
  const shown = readNonce(step.nonce);
  if (!equal(await commitmentTo(subject, round, shown), commitment)) throw new CodeError("wrong_reveal");
  const code = await codeOf(subject, round, shown, state.nonce);
  return { phase: "choosing", round, code, choices: among(code) };
}

/** The person picks one of the choices, or none of them (null). */
export function choose(state: Choosing, choice: Code | null): { readonly state: Choosing; readonly send: CodeStep } {
  if (state.phase !== "choosing") throw new CodeError("out_of_turn");
  const { round, code } = state;
  const matched = choice !== null && same(choice, code);
  return {
    state: { phase: "ended", round, outcome: outcomeOf(round, matched) },
    send: { step: "result", round, matched },
  };
}

/** Reads what came in an MLS message; throws a CodeError("malformed"). */
export function readStep(text: string): CodeStep {
  const { step, round, commitment, nonce, matched } = parseObject(text) ?? {};
  if (typeof round !== "number" || !Number.isSafeInteger(round)) throw new CodeError("malformed");
  if (step === "commit" && typeof commitment === "string") return { step, round, commitment };
  if ((step === "answer" || step === "reveal") && typeof nonce === "string") return { step, round, nonce };
  if (step === "result" && typeof matched === "boolean") return { step, round, matched };
  throw new CodeError("malformed");
}

const outcomeOf = (round: number, matched: boolean): CodeOutcome =>
  matched ? "verified" : round < LAST_ROUND ? "mismatch" : "stopped";

function commitmentTo(subject: CodeSubject, round: number, nonce: Bytes): Promise<Bytes> {
  return hash("poruch code commitment", { subject, round, nonce: toBase64url(nonce) });
}

async function codeOf(subject: CodeSubject, round: number, shown: Bytes, answered: Bytes): Promise<Code> {
  const nonces = { shown: toBase64url(shown), answered: toBase64url(answered) };
  const digest = await hash("poruch code", { subject, round, ...nonces });
  const number = new DataView(digest.buffer).getUint32(0) % 10 ** DIGITS;
  return [...String(number).padStart(DIGITS, "0")].map(Number);
}

const hash = (label: string, value: Parameters<typeof canon>[0]): Promise<Bytes> =>
  sha256(labelled(label, utf8(canon(value))));

/** The code at a random place among others. */
function among(code: Code): Code[] {
  const choices: Code[] = [code];
  while (choices.length < CHOICES) {
    const other = [...random(DIGITS)].map((byte) => byte % 10);
    if (!choices.some((choice) => same(choice, other))) choices.push(other);
  }
  const place = (random(1)[0] as number) % CHOICES;
  [choices[0], choices[place]] = [choices[place] as Code, code];
  return choices;
}

const same = (one: Code, other: Code): boolean => one.join("") === other.join("");

const readNonce = (text: string): Bytes => readBytes(text, NONCE);

function readBytes(text: string, length: number): Bytes {
  let bytes: Bytes;
  try {
    bytes = fromBase64url(text);
  } catch {
    throw new CodeError("malformed");
  }
  if (bytes.length !== length) throw new CodeError("malformed");
  return bytes;
}
