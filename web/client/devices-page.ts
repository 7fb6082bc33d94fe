/** The script of both pages about devices: the administrator's certifying, and a person's own browser. */

import { canon } from "./e2ee/bytes";
import { CredentialError, issueCertificate, readCertificate } from "./e2ee/credential";
import { forgetDevice, openDevice, type DeviceKeys } from "./e2ee/device";
import { TrustUnavailable } from "./e2ee/organisation";
import { fingerprint } from "./e2ee/signatures";
import { KeyFileError, openKeyFile, type OrganisationKey } from "./org-key";
import { deviceCode, ownDevices, postJson, registerDevice, ServerRefusal, type OwnDevice } from "./staff-device";

/** `words` are the page's own sentences, in the reader's language. */
type Words = DOMStringMap;

function startCertifying(form: HTMLFormElement): void {
  const words = form.dataset;
  const said = document.getElementById("key-said");
  const buttons = [...document.querySelectorAll<HTMLButtonElement>("button[data-certify]")];
  let opened: OrganisationKey | null = null;
  form.hidden = false;
  for (const button of buttons) button.hidden = false;
  const say = (text: string | undefined): void => {
    if (said) said.textContent = text ?? "";
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = form.querySelector<HTMLInputElement>("input[type=file]")?.files?.[0];
    const passphrase = form.querySelector<HTMLInputElement>("input[type=password]");
    if (!file || !passphrase) return say(words["choose"]);
    void (async () => {
      try {
        opened = await openKeyFile(await file.text(), passphrase.value);
        passphrase.value = "";
        if (opened.public !== words["public"]) {
          opened = null;
          return say(words["other"]);
        }
        for (const button of buttons) button.disabled = false;
        say(words["open"]);
      } catch (error) {
        if (!(error instanceof KeyFileError)) throw error;
        say(words["wrong"]);
      }
    })();
  });

  for (const button of buttons) {
    button.addEventListener("click", () => {
      if (!opened) return;
      button.disabled = true;
      certify(opened, button, words)
        .then(() => location.assign("/admin/devices?done=certified"))
        .catch((error: unknown) => {
          button.disabled = false;
          say(plain(error, words));
        });
    });
  }
}

/** Signs what the page shows, and nothing that differs from it: key, code and form of the statement are compared first. */
async function certify(organisation: OrganisationKey, button: HTMLButtonElement, words: Words): Promise<void> {
  const proposed = button.dataset["body"] ?? "";
  const body = readCertificate({ body: proposed, signature: "" });
  const shown = button.closest(".card")?.querySelector("[data-code]")?.textContent;
  const fits =
    canon({ ...body }) === proposed &&
    body.organisation === (await fingerprint(organisation.public)) &&
    (await deviceCode(body.sign, body.seal)) === shown;
  if (!fits) throw new ServerRefusal("certificate_other_device", words["fault"] ?? "");
  const certificate = await issueCertificate(organisation.key, body);
  await postJson(`/api/devices/${button.dataset["certify"] ?? ""}/certificate`, certificate, words["csrf"] ?? "");
}

async function startOwn(place: HTMLElement): Promise<void> {
  const words = place.dataset;
  const said = place.querySelector<HTMLElement>("[data-said]");
  const code = place.querySelector<HTMLElement>("[data-code]");
  const ask = place.querySelector<HTMLButtonElement>("[data-ask]");
  if (!said || !code || !ask) return;
  place.hidden = false;
  place.querySelector("[data-erase]")?.addEventListener("click", () => void erase());
  let device: DeviceKeys;
  try {
    device = await openDevice();
  } catch {
    said.textContent = words["failed"] ?? "";
    return;
  }
  code.textContent = await deviceCode(device.signKey, device.sealKey);

  const register = async (): Promise<void> => {
    try {
      show(await registerDevice(device, words["account"] ?? "", words["csrf"] ?? ""));
    } catch (error) {
      said.textContent = plain(error, words);
      // A code would be taken for one to read out to the administrator, and asking once more changes nothing.
      if (error instanceof CredentialError) code.hidden = ask.hidden = true;
    }
  };
  const show = (known: OwnDevice | undefined): void => {
    const certified = known?.state === "certified";
    said.textContent = (certified ? words["certified"] : known ? words["asked"] : words["new"]) ?? "";
    ask.hidden = known !== undefined;
  };
  const erase = async (): Promise<void> => {
    await forgetDevice();
    const own = document.querySelector<HTMLFormElement>(`[data-fingerprint="${device.fingerprint}"] form[data-forget]`);
    if (own) own.submit();
    else location.reload();
  };
  ask.addEventListener("click", () => void register());
  // Forgetting this very browser in the list below erases its keys as well.
  document
    .querySelector<HTMLFormElement>(`[data-fingerprint="${device.fingerprint}"] form[data-forget]`)
    ?.addEventListener("submit", (event) => {
      event.preventDefault();
      void erase();
    });
  try {
    const known = (await ownDevices()).devices.find((each) => each.fingerprint === device.fingerprint);
    // What is known already is asked for again, because that is how a fresh certificate comes here.
    if (known && known.state !== "revoked") await register();
    else show(undefined);
  } catch (error) {
    said.textContent = plain(error, words);
  }
}

function plain(error: unknown, words: Words): string {
  if (error instanceof TrustUnavailable) return words["offline"] ?? "";
  if (error instanceof CredentialError && error.code === "moved_organisation") return words["moved"] ?? "";
  if (error instanceof ServerRefusal) return error.code === "offline" ? (words["offline"] ?? "") : error.message;
  return words["fault"] ?? words["failed"] ?? "";
}

const form = document.querySelector<HTMLFormElement>("#key-form");
if (form) startCertifying(form);
const place = document.getElementById("this-device");
if (place) void startOwn(place);
