/** The page that proves, in this very browser, that nobody on the way can watch; and what to do where that cannot be proved. */
import { proveEncryption, type Proof, type ProofFailure } from "../e2ee/proof";
import type { CurveSource } from "../e2ee/start";
import { t } from "../ui/i18n";
import { platform } from "./browser";
import { buttons, quietButton, steps, text, type Frame } from "./frame";

const PATIENCE_MS = 20_000;
const KEPT = "poruch.proof";

/** Resolves once this browser has shown that it encrypts; a browser that does not never gets past this page. */
export async function secrecyPage(frame: Frame): Promise<CurveSource> {
  const before = provedBefore();
  if (before !== null) return before;
  for (;;) {
    const proof = await checking(frame);
    if (proof.ok) {
      keep(proof.curves);
      return proof.curves;
    }
    console.warn("The encryption cannot be proved here:", proof.reason, proof.detail);
    await sorry(frame, proof.reason);
  }
}

function checking(frame: Frame): Promise<Proof> {
  // Once for the page, however often it is drawn anew in another language.
  const proof = proveEncryption(AbortSignal.timeout(PATIENCE_MS));
  return frame.show<Proof>((done) => {
    void proof.then(done);
    return {
      picture: "lock",
      title: t("Checking that nobody can watch"),
      body: [
        text(t("Your voice and your picture are locked on this device and opened only by the people you talk with.")),
        text(t("We are trying this out here, before anything is sent. It takes a few seconds.")),
      ],
    };
  });
}

function sorry(frame: Frame, reason: ProofFailure): Promise<void> {
  return frame.show<void>((done) => ({
    picture: "warning",
    title: t("This browser cannot keep the conversation secret"),
    body: [
      text(why(reason)),
      text(t("Nothing was sent. You have other ways:")),
      steps([
        platform() === "ios"
          ? t("Update this device: look for “Software Update” in its settings.")
          : t("Open the link in a new version of Chrome, Firefox or Edge."),
        t("Open the link on another device."),
        t("Phone us: we find another way together, by phone or in person."),
      ]),
      buttons(quietButton(t("Check once more"), () => done())),
    ],
  }));
}

function why(reason: ProofFailure): string {
  switch (reason) {
    case "no_access":
      return t("It is too old, or it does not let a page lock sound and picture.");
    case "leaks":
      return t("It would send sound and picture without locking them first.");
    case "silent":
    case "failed":
      return t("The check did not succeed. Perhaps another program or a setting prevents it.");
  }
}

/** A reload does not prove again what this very browser has just proved. */
function provedBefore(): CurveSource | null {
  try {
    const { agent, curves } = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") as { agent?: string; curves?: string };
    return agent === navigator.userAgent && (curves === "native" || curves === "noble") ? curves : null;
  } catch {
    return null;
  }
}

function keep(curves: CurveSource): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ agent: navigator.userAgent, curves }));
  } catch {
    // It is proved again next time.
  }
}
