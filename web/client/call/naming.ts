/** Who is who: names and roles of those in the call come from the keys that open their frames, never from the server. Pure. */
import type { Member } from "../e2ee/crypto";
import type { Person, Snapshot } from "../types";
import { t } from "../ui/i18n";

/** The snapshot with the names that the keys say; somebody without a key has none. `remembered` is who a seat was before. */
export function named(
  snapshot: Snapshot,
  memberOf: (seat: string) => Member | null,
  remembered: ReadonlyMap<string, string>,
): Snapshot {
  const rename = (person: Person): Person => {
    if (person.seat === snapshot.you.seat) return person;
    const member = memberOf(person.seat);
    if (member) return { ...person, name: member.name, role: member.role };
    if (person.phase === "in" || person.phase === "lost") return { ...person, name: t("Not recognised yet") };
    return { ...person, name: remembered.get(person.seat) ?? person.name };
  };
  return { ...snapshot, people: snapshot.people.map(rename) };
}
