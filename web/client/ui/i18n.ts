/** The words of the page in the person's language. A message is named by its English text; English needs no catalog. */
import { LANGUAGES, fetchMessages, type Messages } from "../locales";

export type Values = Readonly<Record<string, string | number>>;

const CATEGORIES: readonly Intl.LDMLPluralRule[] = ["zero", "one", "two", "few", "many", "other"];
const OWN_NAMES: Readonly<Record<string, string>> = { uk: "Українська", ru: "Русский", en: "English" };
const ORDER = Object.keys(OWN_NAMES);
const CHOICE = "poruch.language";

let current = "en";
let catalog: Messages = {};
let plurals = new Intl.PluralRules("en");

/** The code of the language in use, e.g. `uk`. */
export function language(): string {
  return current;
}

/** Translates `message` and fills `{name}` placeholders; a placeholder without a value stays as it is. */
export function t(message: string, values?: Values): string {
  const found = catalog[message];
  return substitute(typeof found === "string" && found !== "" ? found : message, values);
}

/** Marks text for the catalogs where it is written, to be translated with `t` where it is shown. */
export function N_(message: string): string {
  return message;
}

/** The form of a message that goes with `count`; `{count}` is filled in. */
export function n(singular: string, plural: string, count: number, values?: Values): string {
  const forms = catalog[singular];
  const form = Array.isArray(forms) ? pluralForm(forms, plurals, count) : undefined;
  return substitute(form || (count === 1 ? singular : plural), { count, ...values });
}

/** Picks a form by CLDR category; where a catalog has fewer forms than the language (no fractions), the last serves. */
export function pluralForm(forms: readonly string[], rules: Intl.PluralRules, count: number): string | undefined {
  const known = rules.resolvedOptions().pluralCategories;
  const order = CATEGORIES.filter((category) => known.includes(category));
  return forms[Math.min(order.indexOf(rules.select(count)), forms.length - 1)];
}

/** Fills placeholders. Exported for its test. */
export function substitute(text: string, values?: Values): string {
  if (values === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** The languages that this page offers, with their own names. */
export function languages(): readonly { readonly code: string; readonly name: string }[] {
  const place = (code: string): number => (ORDER.includes(code) ? ORDER.indexOf(code) : ORDER.length);
  return [...LANGUAGES].sort((a, b) => place(a) - place(b)).map((code) => ({ code, name: OWN_NAMES[code] ?? code }));
}

/**
 * The language to begin with: what was chosen on this device before, then what the appointment says, then what the
 * browser prefers, then the first that is offered.
 */
export function preferredLanguage(appointment?: string): string {
  const offered = languages().map((one) => one.code);
  const wishes = [remembered(), appointment, ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())];
  return wishes.find((wish) => wish !== undefined && offered.includes(wish)) ?? offered[0] ?? "en";
}

/** Keeps a language that a person chose by hand for the next time on this device. */
export function rememberLanguage(code: string): void {
  try {
    localStorage.setItem(CHOICE, code);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

function remembered(): string | undefined {
  try {
    return localStorage.getItem(CHOICE) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Loads a catalog and makes it current. When it cannot be had the page stays readable in English. */
export async function setLanguage(code: string): Promise<void> {
  let loaded: Messages = {};
  let spoken = "en";
  try {
    loaded = await fetchMessages(code);
    spoken = code;
  } catch {
    // Offline or blocked: English words are better than none.
  }
  catalog = loaded;
  current = spoken;
  plurals = new Intl.PluralRules(spoken);
  document.documentElement.lang = spoken;
}
