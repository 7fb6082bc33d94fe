// The encrypting worker for browsers whose WebCrypto knows Ed25519 and X25519.

import { nativeCurves } from "./suite";
import { serve, type Scope } from "./worker";

// The page's types are those of a window; this is a worker.
serve(nativeCurves, self as unknown as Scope);
