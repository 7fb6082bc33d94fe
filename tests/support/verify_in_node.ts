// The browser's verifier in node: reads {witness, exports} as JSON from standard input, prints a verdict for each export.

import { EvidenceError } from "../../web/client/evidence/canonical";
import { Verifier } from "../../web/client/evidence/note";
import { verify } from "../../web/client/evidence/verify";

declare const process: { stdin: AsyncIterable<Uint8Array>; stdout: { write(text: string): void } };

async function* each(lines: string[]): AsyncGenerator<string> {
  yield* lines;
}

async function run(): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of process.stdin) pieces.push(piece);
  const text = new TextDecoder().decode(await new Blob(pieces as BlobPart[]).arrayBuffer());
  const { witness, exports } = JSON.parse(text) as { witness: string; exports: string[][] };
  const verdicts = [];
  for (const lines of exports) {
    try {
      const report = await verify(each(lines), [Verifier.read(witness)]);
      const { first, entries, sealed, unwitnessed } = report;
      verdicts.push([first?.wrong ?? null, first?.sequence ?? null, first?.line ?? null, entries, sealed, unwitnessed]);
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      verdicts.push("unreadable");
    }
  }
  process.stdout.write(JSON.stringify(verdicts));
}

void run();
