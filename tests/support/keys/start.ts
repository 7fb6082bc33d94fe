// In the place of web/client/e2ee/start.ts: the encrypting worker runs in this process, and says what its key ring holds.

import type { FromWorker, Request } from "../../../web/client/e2ee/rpc";
import { nativeCurves } from "../../../web/client/e2ee/suite";
import { serve, type Scope } from "../../../web/client/e2ee/worker";

export type CurveSource = "native" | "noble";

/** Asynchronous and by copy in both directions, as a worker is. */
class WorkerHere {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null = null;
  readonly #scope: Scope;
  #alive = true;

  constructor() {
    this.#scope = {
      onmessage: null,
      onrtctransform: null,
      postMessage: (message: FromWorker) => this.#later(message, (data) => this.onmessage?.({ data } as MessageEvent)),
    };
    serve(nativeCurves, this.#scope);
  }

  postMessage(request: Request): void {
    this.#later(request, (data) => this.#scope.onmessage?.({ data } as MessageEvent<Request>));
  }

  terminate(): void {
    this.#alive = false;
  }

  #later<T>(message: T, deliver: (copy: T) => void): void {
    const copy = structuredClone(message);
    setImmediate(() => this.#alive && deliver(copy));
  }
}

export async function startWorker(): Promise<Worker> {
  return new WorkerHere() as unknown as Worker;
}
