/** Keeps the screen awake while somebody waits. */

/** Whether this browser can. Where it cannot, the person is told to touch the screen from time to time. */
export function canStayAwake(): boolean {
  return "wakeLock" in navigator;
}

/** Holds the lock until `signal` ends. A page that comes back from the background has lost it and asks again. */
export function stayAwake(signal: AbortSignal): void {
  if (!canStayAwake()) return;
  let lock: WakeLockSentinel | null = null;
  const ask = async (): Promise<void> => {
    if (document.visibilityState !== "visible" || signal.aborted) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (signal.aborted) await lock.release();
    } catch {
      // Low battery: the system refuses, and the screen sleeps as it is used to.
    }
  };
  document.addEventListener("visibilitychange", () => void ask(), { signal });
  signal.addEventListener("abort", () => void lock?.release());
  void ask();
}
