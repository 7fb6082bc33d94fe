/** What the team reads about a client's consent: pure. */
import type { Person, Snapshot } from "../types";
import { t } from "../ui/i18n";

/** Roles that may explain to somebody who has agreed to nothing else yet. */
const EXPLAIN: ReadonlySet<string> = new Set(["case_manager", "social_worker", "interpreter"]);

export function purposeName(purpose: string): string {
  switch (purpose) {
    case "video":
      return t("the conversation by video");
    case "explain":
      return t("the talk that explains");
    case "sharing":
      return t("a guest from another service");
    case "interpreter":
      return t("an interpreter");
    case "helper":
      return t("a helper");
    case "representative":
      return t("a representative");
    case "joining":
      return t("somebody who joins later");
    case "supervision":
      return t("a supervisor");
    default:
      return t("something else");
  }
}

/** What others see of a client who has stopped, or is only being told; null when there is nothing to say. */
export function consentWords(person: Person, you: Snapshot["you"]): string | null {
  if (person.seat === you.seat || person.phase !== "in") return null;
  const { name } = person;
  if (person.consent === "ask") return t("{name} has stopped. Nobody sees or hears {name} now.", { name });
  if (person.consent !== "explain") return null;
  return EXPLAIN.has(you.role)
    ? t("{name} has agreed only to be told what this is about. Nobody but the case manager and an interpreter sees or hears {name}.", {
        name,
      })
    : t("{name} is being told what this is about. You do not see and hear one another yet.", { name });
}

/** Whether a client has taken back something since `before`. */
export function tookBack(person: Person, before: Person | undefined): boolean {
  if (!person.took_back || before === undefined) return false;
  return !before.took_back || person.stopped.some((purpose) => !before.stopped.includes(purpose));
}

/** Said once, when a client takes something back. */
export function tookBackWords({ name, stopped }: Person): string {
  const what = stopped.map(purposeName).join(", ");
  return what === ""
    ? t("{name} has taken back an agreement.", { name })
    : t("{name} has taken back an agreement: {what}.", { name, what });
}

/** Why somebody at the door cannot be let in yet. */
export function waitsForWords(person: Person, people: readonly Person[]): string | null {
  if (person.waits_for.length === 0) return null;
  const names = people.filter((one) => person.waits_for.includes(one.seat)).map((one) => one.name);
  return t("Waits for the agreement of {names}", { names: names.join(", ") });
}
