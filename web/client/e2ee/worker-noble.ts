// The encrypting worker for browsers whose WebCrypto lacks Ed25519 or X25519.

import { nobleCurves } from "./noble";
import { serve } from "./worker";

serve(nobleCurves);
