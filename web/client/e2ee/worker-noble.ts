// The encrypting worker for browsers whose WebCrypto lacks Ed25519 or X25519.

import { nobleCurves } from "./noble";
import { serve, type Scope } from "./worker";

// The page's types are those of a window; this is a worker.
serve(nobleCurves, self as unknown as Scope);
