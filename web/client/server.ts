// What the page itself was told: where its server is (beside it, or elsewhere for a static host), and whom to phone.

const said = (name: string): string => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";

/** The origin of everything that is asked for and linked to beyond this page's own files. */
export const serverOrigin = (): string => said("poruch-server") || location.origin;

/** The whole address of a path at the server. */
export const atServer = (path: string): string => new URL(path, serverOrigin()).href;

/** The organisation's telephone number, for when no appointment says whom to phone; "" where it has none. */
export const helpPhone = (): string => said("poruch-phone");
