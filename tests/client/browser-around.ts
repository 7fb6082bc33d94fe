// What a browser has around our code and node has not: a database that forgets, a page, and a server that answers as a test says.

type Stores = Map<string, Map<string, unknown>>;

const databases = new Map<string, Stores>();

/** As much of IndexedDB as this device's memory needs: keys given apart from values, and a transaction that is complete when
 * nothing is asked any more. */
class Transaction {
  oncomplete: (() => void) | null = null;
  onabort: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readonly error = null;
  #open = 0;

  constructor(readonly stores: Stores) {
    this.#later(() => undefined);
  }

  objectStore(name: string): object {
    const store = this.stores.get(name);
    if (!store) throw new DOMException(name, "NotFoundError");
    const later = (work: () => unknown): object => this.#asked(work);
    return {
      get: (key: string) => later(() => store.get(key)),
      put: (value: unknown, key: string) => later(() => void store.set(key, value)),
      add: (value: unknown, key: string) => later(() => void store.set(key, value)),
      clear: () => later(() => store.clear()),
    };
  }

  #asked(work: () => unknown): object {
    const request: { result?: unknown; onsuccess: (() => void) | null } = { onsuccess: null };
    this.#later(() => {
      request.result = work();
      request.onsuccess?.();
    });
    return request;
  }

  #later(work: () => void): void {
    this.#open += 1;
    queueMicrotask(() => {
      work();
      this.#open -= 1;
      if (this.#open === 0) this.oncomplete?.();
    });
  }
}

const indexedDb = {
  open(name: string): object {
    const fresh = !databases.has(name);
    const stores: Stores = databases.get(name) ?? new Map<string, Map<string, unknown>>();
    databases.set(name, stores);
    const result = {
      objectStoreNames: { contains: (store: string) => stores.has(store) },
      createObjectStore: (store: string) => void stores.set(store, new Map()),
      transaction: () => new Transaction(stores),
      close: () => undefined,
    };
    const request: Record<"onupgradeneeded" | "onsuccess", (() => void) | null> = { onupgradeneeded: null, onsuccess: null };
    queueMicrotask(() => {
      if (fresh) request.onupgradeneeded?.();
      request.onsuccess?.();
    });
    return Object.assign(request, { result });
  },
};

/** What the server answers, by method and path; a function is given what was sent, and may refuse with a response of its own. Anything
 * else is a 404. */
export type Answers = Readonly<Record<string, unknown>>;

/** A browser that remembers nothing yet, at a server that answers so; returns how to have it answer otherwise. */
export function freshBrowser(): { answer: (answers: Answers) => void; asked: string[] } {
  databases.clear();
  let now: Answers = {};
  const asked: string[] = [];
  const define = (name: string, value: unknown): unknown =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define("indexedDB", indexedDb);
  define("location", new URL("https://poruch.example.org/call"));
  define("document", { querySelector: () => null });
  define("fetch", async (address: string, options: RequestInit = {}) => {
    const what = `${options.method ?? "GET"} ${new URL(address).pathname}`;
    asked.push(what);
    if (!(what in now)) return Response.json({ error: { code: "not_found", text: "" } }, { status: 404 });
    const answer = now[what];
    const sent: unknown = JSON.parse((options.body as string | undefined) ?? "null");
    const said = typeof answer === "function" ? await (answer as (sent: unknown) => unknown)(sent) : answer;
    return said instanceof Response ? said : Response.json(said);
  });
  return { answer: (answers) => void (now = answers), asked };
}
