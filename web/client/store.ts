// A value that can be watched.

export class Store<T> {
  readonly #watchers = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Calls back at every change from now on; returns how to stop. */
  subscribe(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** Resolves with the first value that fits, the present one included; rejects with the signal's reason when that comes first. */
export function until<T>(store: Store<T>, fits: (value: T) => boolean, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    if (fits(store.value)) return resolve(store.value);
    const stop = store.subscribe((value) => {
      if (!fits(value)) return;
      stop();
      signal.removeEventListener("abort", aborted);
      resolve(value);
    });
    const aborted = (): void => {
      stop();
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", aborted, { once: true });
  });
}
