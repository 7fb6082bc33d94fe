// The message catalogs that were built beside this script.

declare const PORUCH_LOCALES: Record<string, string>;

export const LANGUAGES: readonly string[] = [...new Set(["en", ...Object.keys(PORUCH_LOCALES)])];

/** Messages by English text: a translation, or its plural forms in the order of CLDR's categories. */
export type Messages = Record<string, string | string[]>;

/** English is the text itself and needs no catalog. */
export async function fetchMessages(language: string): Promise<Messages> {
  const file = PORUCH_LOCALES[language];
  if (file === undefined) return {};
  const reply = await fetch(new URL(file, import.meta.url));
  if (!reply.ok) throw new Error(`The messages for ${language} did not come: ${reply.status}`);
  return (await reply.json()) as Messages;
}
