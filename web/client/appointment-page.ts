/** The appointment's pages: completes every invitation with its secrets, which only browsers of the team know, and shows it as text and QR code. */

import qrcode from "qrcode-generator";

import { fromBase64url } from "./e2ee/bytes";
import { CredentialError, type Certificate } from "./e2ee/credential";
import { openDevice } from "./e2ee/device";
import { parseFragment, writeFragment } from "./e2ee/fragment";
import { everRevoked, ownOrganisation, serverTrust, TrustUnavailable } from "./e2ee/organisation";
import { ownCertificate } from "./e2ee/own-certificate";
import { fingerprint } from "./e2ee/signatures";
import { teamSecrets, VaultUnavailable, type TeamSecrets } from "./e2ee/team";
import type { VaultTrust } from "./e2ee/vault";

/** What stops the links from being completed; the page has a sentence for each. */
class Incomplete extends Error {
  constructor(readonly why: "uncertified" | "waiting") {
    super(why);
  }
}

/** Returns whether the links are other ones than those that were handed out before. */
async function complete(appointment: string): Promise<boolean> {
  const device = await openDevice().catch(() => null);
  const certificate = device && (await ownCertificate(device, null));
  if (!certificate) throw new Incomplete("uncertified");
  const trust = await trustOf(certificate);
  const secrets = await teamSecrets(appointment, { device, certificate }, trust);
  const organisation = await fingerprint(trust.organisation.key);
  const places = [...document.querySelectorAll<HTMLElement>("[data-link-of]")];
  if (!places.map((place) => fillIn(place, secrets, organisation)).every(Boolean)) throw new Incomplete("waiting");
  return secrets.anew;
}

/** The organisation's key counts only when it is the one that has certified this browser. */
async function trustOf(certificate: Certificate): Promise<VaultTrust> {
  const said = await serverTrust();
  const organisation = await ownOrganisation(said, certificate);
  if (!organisation) throw new Incomplete("uncertified");
  return { organisation, revoked: await everRevoked(said) };
}

/** Whether this person's link could be made whole. */
function fillIn(place: HTMLElement, secrets: TeamSecrets, organisation: string): boolean {
  const invitation = secrets.invitations[place.dataset["linkOf"] ?? ""];
  const shown = place.querySelector<HTMLElement>("input, .print-link");
  if (invitation === undefined || secrets.appointment === null || !shown) return false;
  const address = new URL(shown instanceof HTMLInputElement ? shown.value : (shown.textContent ?? ""));
  const fragment = parseFragment(address.hash);
  if (!fragment) return false;
  address.hash = writeFragment({
    token: fragment.token,
    secrets: {
      invitation: fromBase64url(invitation),
      appointment: fromBase64url(secrets.appointment),
      organisation,
    },
  });
  if (shown instanceof HTMLInputElement) shown.value = address.href;
  else shown.textContent = address.href;
  place.querySelector(".qr")?.replaceChildren(drawn(address.href));
  place.dataset["complete"] = "";
  return true;
}

/** As the server draws it, which does not know the whole link. */
function drawn(link: string): SVGElement {
  const code = qrcode(0, "M");
  code.addData(link);
  code.make();
  const quiet = 4;
  const size = code.getModuleCount() + 2 * quiet;
  const element = <T extends keyof SVGElementTagNameMap>(name: T, attributes: Record<string, string>): SVGElement => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  let path = "";
  for (let row = 0; row < code.getModuleCount(); row++)
    for (let column = 0; column < code.getModuleCount(); column++)
      if (code.isDark(row, column)) path += `M${column + quiet} ${row + quiet}h1v1h-1z`;
  const picture = element("svg", { viewBox: `0 0 ${size} ${size}`, "shape-rendering": "crispEdges" });
  picture.append(
    element("rect", { width: String(size), height: String(size), fill: "#fff" }),
    element("path", { d: path, fill: "#000" }),
  );
  return picture;
}

async function start(said: HTMLElement): Promise<void> {
  const words = said.dataset;
  said.hidden = false;
  said.textContent = words["working"] ?? "";
  try {
    const anew = await complete(words["appointment"] ?? "");
    said.textContent = words[anew ? "anew" : "complete"] ?? "";
  } catch (error) {
    said.textContent = words[whyNot(error)] ?? "";
    if (!isForeseen(error) && !isLeft(error)) throw error;
  }
}

function whyNot(error: unknown): "uncertified" | "waiting" | "moved" | "failed" {
  if (error instanceof Incomplete) return error.why;
  return error instanceof CredentialError && error.code === "moved_organisation" ? "moved" : "failed";
}

const isForeseen = (error: unknown): boolean =>
  [Incomplete, VaultUnavailable, TrustUnavailable, CredentialError].some((kind) => error instanceof kind);

/** What a browser says of requests and of its own store in a page that is being left. */
const isLeft = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

const said = document.getElementById("link-secrets");
if (said) void start(said);
