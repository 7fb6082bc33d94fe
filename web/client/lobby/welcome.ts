/** The first page of an open appointment: who will be there, what will happen, how long. */
import type { ExpectedPerson, SeatReply } from "../types";
import { h } from "../ui/dom";
import { n, t } from "../ui/i18n";
import { icon } from "../ui/icons";
import { roleName } from "../ui/roles";
import { clockHere } from "../ui/times";
import { buttons, mainButton, text, type Frame } from "./frame";

export async function welcome(frame: Frame, seat: SeatReply): Promise<void> {
  const { appointment, you } = seat;
  const others = appointment.expected.filter((person) => person.seat !== you.seat);
  const starts = new Date(appointment.starts_at);
  const minutes = Math.round((Date.parse(appointment.ends_at) - starts.getTime()) / 60_000);
  await frame.show<void>((done) => ({
    title: you.name === "" ? t("Good day!") : t("Good day, {name}!", { name: you.name }),
    body: [
      text(t("This is a video conversation. It begins at {time}.", { time: clockHere(starts, appointment.time_zone) })),
      minutes > 0 ? text(n("It takes about {count} minute.", "It takes about {count} minutes.", minutes)) : null,
      others.length > 0 ? h("h2", { class: "lobby__subtitle" }, t("Who will be there")) : null,
      others.length > 0 ? peopleList(others) : null,
      text(t("First we check the sound and the picture. Then you wait until you are let in.")),
      buttons(mainButton(t("Begin"), () => done())),
    ],
  }));
}

function peopleList(people: readonly ExpectedPerson[]): HTMLElement {
  const line = (person: ExpectedPerson): HTMLElement =>
    h(
      "li",
      { class: "lobby__person" },
      icon("person"),
      h("span", null, h("strong", null, person.name), h("span", { class: "lobby__role" }, roleName(person.role))),
    );
  return h("ul", { class: "lobby__people" }, ...people.map(line));
}
