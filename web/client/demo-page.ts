/** The demo's sign-in page: puts the keys of the link's fragment into this browser, as ones that cannot leave it, and goes on. */

import { demoKeys } from "./demo-keys";
import { readCertificate } from "./e2ee/credential";
import { keepCertificate, keepDevice } from "./e2ee/device";

const { body, signature } = document.getElementById("main")?.dataset ?? {};
try {
  if (body && signature) {
    const certificate = { body, signature };
    const keys = await demoKeys(location.hash, readCertificate(certificate));
    if (keys) {
      await keepDevice(keys);
      await keepCertificate(certificate);
    }
  }
} finally {
  // A page that goes on before it is loaded looks to some browsers like one that failed to load.
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
  // Without keys (a private window) the pages work all the same. The fragment stays behind with this page.
  location.replace("/");
}
