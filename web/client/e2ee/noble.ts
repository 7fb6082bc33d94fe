// The two curves in plain JavaScript, for browsers whose WebCrypto lacks them.

import { DhkemX25519HkdfSha256 } from "@hpke/dhkem-x25519";
import { ed25519 } from "@noble/curves/ed25519.js";

import type { Curves } from "./suite";

export const nobleCurves: Curves = {
  kem: () => new DhkemX25519HkdfSha256(),
  signature: {
    async keygen() {
      const { secretKey, publicKey } = ed25519.keygen();
      return { signKey: secretKey, publicKey };
    },
    async sign(signKey, message) {
      return ed25519.sign(message, signKey);
    },
    async verify(publicKey, message, signature) {
      // RFC 8032's own rules, like WebCrypto: the default accepts some signatures that others refuse, which would
      // split a group.
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    },
  },
};
