// Where the server is: beside this page, or where the page of a static host says.

const named = (): string => document.querySelector<HTMLMetaElement>('meta[name="poruch-server"]')?.content ?? "";

/** The origin of everything that is asked for and linked to beyond this page's own files. */
export const serverOrigin = (): string => named() || location.origin;

/** The whole address of a path at the server. */
export const atServer = (path: string): string => new URL(path, serverOrigin()).href;
