// The encrypting worker for browsers whose WebCrypto knows Ed25519 and X25519.

import { nativeCurves } from "./suite";
import { serve } from "./worker";

serve(nativeCurves);
