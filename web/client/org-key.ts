/** The organisation's key file, opened in the browser of whoever holds it: the same format as `poruch org-key` writes. */

import { fromBase64url, parseObject, utf8, type Bytes } from "./e2ee/bytes";
import { ECDSA } from "./e2ee/signatures";

export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

export interface OrganisationKey {
  /** Signs, and cannot be exported. */
  readonly key: CryptoKey;
  /** SPKI, base64url. */
  readonly public: string;
}

const ITERATIONS = { least: 600_000, most: 10_000_000 };

/** Rejects with a KeyFileError for anything but a key file with its own passphrase. */
export async function openKeyFile(text: string, passphrase: string): Promise<OrganisationKey> {
  try {
    const file = parseObject(text);
    const iterations = file?.["iterations"];
    if (file?.["v"] !== 1 || file["kdf"] !== "PBKDF2-SHA256") throw new KeyFileError("Another format.");
    if (typeof iterations !== "number" || iterations < ITERATIONS.least || iterations > ITERATIONS.most)
      throw new KeyFileError("Unusual iterations.");
    const field = (name: string): string => {
      const value = file[name];
      if (typeof value !== "string") throw new KeyFileError(`No ${name}.`);
      return value;
    };
    const bytes = (name: string): Bytes => fromBase64url(field(name));
    // The same passphrase from every keyboard.
    const given = await crypto.subtle.importKey("raw", utf8(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
    const opener = await crypto.subtle.deriveKey(
      { name: "PBKDF2", hash: "SHA-256", salt: bytes("salt"), iterations },
      given,
      { name: "AES-GCM", length: 256 },
      false,
      ["decrypt"],
    );
    const pkcs8 = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: bytes("iv"), additionalData: utf8(field("public")) },
      opener,
      bytes("ciphertext"),
    );
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, ECDSA, false, ["sign"]);
    return { key, public: field("public") };
  } catch (error) {
    throw error instanceof KeyFileError ? error : new KeyFileError("The passphrase does not open the file.");
  }
}
