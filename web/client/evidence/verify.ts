// Verification of an export in the browser: the same rules as `poruch verify`, written a second time.

import { equal, type Bytes } from "../e2ee/bytes";
import { EvidenceError, toBase64 } from "./canonical";
import { hashOf, readHeader, readLine, type Header, type Leaf, type Line } from "./lines";
import { CompactRange, MerkleError, verifyConsistency, verifyInclusion } from "./merkle";
import { cosignedBy, signedBy, type Verifier } from "./note";

export type Wrong =
  | "edited"
  | "missing"
  | "inserted"
  | "reordered"
  | "rolled back"
  | "forked"
  | "forged"
  | "unproven"
  | "unwitnessed";

export interface Finding {
  wrong: Wrong;
  sequence: number | null;
  line: number | null;
  /** Whether the entry itself shows it; a proof that fails only says that something nearby is wrong. */
  byItself: boolean;
}

export class Report {
  entries = 0;
  sealed = 0;
  unwitnessed = 0;
  findings: Finding[] = [];
  witnessed: { name: string; size: number; at: Date }[] = [];

  constructor(readonly header: Header) {}

  /** The first broken entry that shows it by itself; else the first thing that is wrong at all. */
  get first(): Finding | null {
    const placed = this.findings.filter((each) => each.sequence !== null);
    const own = placed.filter((each) => each.byItself);
    const candidates = own.length ? own : placed;
    const earlier = (one: Finding, other: Finding): boolean =>
      (other.line ?? 0) < (one.line ?? 0) ||
      ((other.line ?? 0) === (one.line ?? 0) && (other.sequence ?? 0) < (one.sequence ?? 0));
    const [start] = candidates;
    if (!start) return this.findings[0] ?? null;
    return candidates.reduce((one, other) => (earlier(one, other) ? other : one), start);
  }

  add(wrong: Wrong, sequence: number | null = null, line: number | null = null, byItself = true): void {
    if (this.findings.length < 500) this.findings.push({ wrong, sequence, line, byItself });
  }

  get witnessedSize(): number | null {
    return this.witnessed.length ? Math.min(...this.witnessed.map((each) => each.size)) : null;
  }
}

interface Checker {
  last: number;
  take(number: number, line: Line): void;
  finish(): void;
}

/** Checks an export line by line. Throws an EvidenceError where its first line is no header. */
export async function verify(lines: AsyncIterable<string>, witnesses: Verifier[] = []): Promise<Report> {
  let report: Report | null = null;
  let checker: Checker | null = null;
  for await (const text of lines) {
    if (!report || !checker) {
      report = new Report(readHeader(text));
      checkCheckpoints(report, witnesses);
      checker = report.header.kind === "log" ? new WholeLog(report) : new Part(report);
      continue;
    }
    report.entries += 1;
    const number = report.entries + 1;
    const line = readEntry(report, text, number);
    if (line) checker.take(number, line);
  }
  if (!report || !checker) throw new EvidenceError("empty");
  if (report.entries < report.header.entries) {
    report.add("missing", report.header.kind === "log" ? checker.last + 1 : null, report.entries + 2);
  } else if (report.entries > report.header.entries) {
    report.add("inserted", checker.last, report.entries + 1);
  }
  checker.finish();
  return report;
}

function readEntry(report: Report, text: string, number: number): Line | null {
  let line: Line;
  try {
    line = readLine(text);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    report.add("edited", report.entries - 1, number);
    return null;
  }
  const { leaf } = line;
  if (`poruch.ledger/${leaf.log}` !== report.header.log.name) report.add("inserted", leaf.sequence, number);
  if (!equal(hashOf(leaf), line.hash)) report.add("edited", leaf.sequence, number);
  if (!line.opens) report.add("edited", leaf.sequence, number);
  if (line.content === null) report.sealed += 1;
  return line;
}

function checkCheckpoints(report: Report, witnesses: Verifier[]): void {
  const { kind, subject, log, checkpoints } = report.header;
  if (kind === "log" && subject !== log.name) report.add("forged");
  if (!checkpoints.length) report.add("unproven");
  for (const each of checkpoints) if (each.origin !== log.name || !signedBy(each, log)) report.add("forged");
  for (const [before, after] of pairs(checkpoints)) {
    if (before.size === after.size && !equal(before.root, after.root)) report.add("forked", after.size - 1);
    else if (before.size >= after.size) report.add("forged");
  }
  for (const witness of witnesses) {
    const seen = checkpoints.flatMap((each) => {
      const at = cosignedBy(each, witness);
      return at ? [{ name: witness.name, size: each.size, at }] : [];
    });
    const largest = seen.pop();
    if (largest) report.witnessed.push(largest);
    else report.add("unwitnessed");
  }
}

/** The entries of one session or case: each proven to be in the log, counted without gaps. */
class Part implements Checker {
  last = -1;
  private nth = 0;
  private suspects: { number: number; line: Line }[] = [];
  private roots: Map<number, Bytes>;

  constructor(private readonly report: Report) {
    const { checkpoints, growth } = report.header;
    this.roots = new Map(checkpoints.map((each) => [each.size, each.root]));
    for (const [before, after] of pairs(checkpoints)) {
      const proof = growth.filter((each) => each.from === before.size && each.to === after.size).pop()?.proof ?? [];
      if (!holds(() => verifyConsistency(before.size, after.size, before.root, after.root, proof))) report.add("forked");
    }
  }

  take(number: number, line: Line): void {
    const { leaf } = line;
    const { report } = this;
    const hash = hashOf(leaf);
    if (!equal(hash, line.hash)) this.suspects.push({ number, line });
    if (line.content === null) report.add("edited", leaf.sequence, number);
    this.place(number, leaf);
    const { size, proof } = line;
    const root = size === null ? undefined : this.roots.get(size);
    if (size === null || root === undefined) {
      const within = !this.roots.size || leaf.sequence < Math.max(...this.roots.keys());
      report.add(within ? "unproven" : "inserted", leaf.sequence, number, !within);
    } else if (!holds(() => verifyInclusion(leaf.sequence, size, hash, proof, root))) {
      report.add(leaf.sequence >= size ? "inserted" : "edited", leaf.sequence, number, false);
    }
    if (report.witnessedSize !== null && leaf.sequence >= report.witnessedSize) report.unwitnessed += 1;
  }

  finish(): void {
    const stored = new Set(this.suspects.map(({ line }) => toBase64(line.hash)));
    const some = this.suspects.slice(0, 100);
    for (const { number, line } of some) {
      for (const { line: other } of some) {
        if (other === line || !stored.has(toBase64(hashOf(line.leaf, other.leaf.sequence)))) continue;
        for (const each of this.report.findings) {
          if (each.line === number && each.wrong === "edited" && each.byItself) each.wrong = "reordered";
        }
      }
    }
  }

  private place(number: number, leaf: Leaf): void {
    const { report } = this;
    const session = report.header.kind === "session";
    const [name, nth] = session ? [leaf.session, leaf.session_nth] : [leaf.case, leaf.case_nth];
    if (name !== report.header.subject || nth === null) return report.add("inserted", leaf.sequence, number);
    if (leaf.sequence === this.last || nth === this.nth) report.add("inserted", leaf.sequence, number);
    else if (leaf.sequence < this.last || nth < this.nth) report.add("reordered", leaf.sequence, number);
    else if (nth > this.nth + 1) report.add("missing", leaf.sequence, number);
    this.last = Math.max(this.last, leaf.sequence);
    this.nth = Math.max(this.nth, nth);
  }
}

/** Every entry from the first on: the tree is built again and compared with each checkpoint. */
class WholeLog implements Checker {
  last = -1;
  private tree = new CompactRange();
  private rest: number[] = [];
  private good = 0;
  private agrees = 0;
  private differs: [number, number][] = [];
  private roots = new Map<number, Bytes[]>();
  private largest: number;

  constructor(private readonly report: Report) {
    for (const { size, root } of report.header.checkpoints) this.roots.set(size, [...(this.roots.get(size) ?? []), root]);
    this.largest = Math.max(0, ...this.roots.keys());
  }

  take(number: number, line: Line): void {
    const { leaf } = line;
    if (!this.rest.length && leaf.sequence === number - 2 && leaf.sequence === this.tree.size) {
      this.tree.append(hashOf(leaf));
      this.last = leaf.sequence;
      this.compare();
    } else {
      this.rest.push(leaf.sequence);
    }
    const seen = this.report.witnessedSize;
    if (seen !== null && leaf.sequence >= seen) this.report.unwitnessed += 1;
  }

  finish(): void {
    const { report, tree, largest } = this;
    if (this.rest.length) this.misplaced();
    else if (largest > tree.size && tree.size === report.header.entries) report.add("rolled back", tree.size);
    else if (!largest || tree.size > largest) report.add("unproven", largest, null, false);
    for (const [good, size] of this.differs) {
      report.add(this.agrees >= size ? "forked" : "edited", good, good + 2, false);
    }
  }

  private compare(): void {
    const { size } = this.tree;
    const roots = this.roots.get(size);
    if (!roots) return;
    const mine = this.tree.root();
    for (const root of roots) {
      if (equal(root, mine)) this.agrees = size;
      else this.differs.push([this.good, size]);
    }
    if (this.differs[this.differs.length - 1]?.[1] !== size) this.good = size;
  }

  private misplaced(): void {
    const { report, rest } = this;
    const wanted = this.tree.size;
    const [found = 0] = rest;
    const line = wanted + 2;
    if (found < wanted) report.add("inserted", found, line);
    else if (!rest.includes(wanted)) report.add("missing", wanted, line);
    else if (found >= this.largest || rest.filter((each) => each === found).length > 1) report.add("inserted", found, line);
    else report.add("reordered", wanted, line);
  }
}

function pairs<Item>(items: Item[]): [Item, Item][] {
  return items.slice(1).map((after, place) => [items[place] as Item, after]);
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof MerkleError) return false;
    throw error;
  }
}
