/** One text on the page: a picture, what it is in few words, the whole of it, and ways to hear and see it. */
import { h, type Child } from "../ui/dom";
import { t } from "../ui/i18n";
import { icon, type IconName } from "../ui/icons";
import { roleName } from "../ui/roles";
import { listenButton, signVideo } from "./listen";
import type { About, NoticeShown } from "./types";

const PICTURES: Readonly<Record<string, IconName>> = {
  video: "camera",
  talk: "text",
  agency: "house",
  interpreter: "two-persons",
  helper: "heart",
  representative: "key",
  contact: "phone",
  person: "person",
  supervisor: "people",
};

/** The drawing that a text names. */
export const pictureOf = (notice: NoticeShown): IconName => PICTURES[notice.picture] ?? "person";

/** What stands under the heading; `alive` ends when the page goes. */
export function noticeBody(notice: NoticeShown, about: About | null, alive: AbortSignal): Child[] {
  return [about === null ? null : person(about), ...words(notice), listenButton(notice, alive), signVideo(notice)];
}

/** Who it is about: name and role, large. */
function person({ name, role }: About): HTMLElement {
  return h(
    "p",
    { class: "lobby__person" },
    icon("person"),
    h("span", null, h("strong", null, name), h("span", { class: "lobby__role" }, roleName(role))),
  );
}

function words(notice: NoticeShown): Child[] {
  const lang = notice.language;
  const parts: readonly (readonly [string, string])[] = [
    [t("Why"), notice.why],
    [t("Who takes part and who sees it"), notice.who],
    [t("How long"), notice.how_long],
    [t("Your rights"), notice.rights],
    [t("How to stop it"), notice.withdraw],
    [t("Who answers for it"), notice.controller],
  ];
  const rest = parts.flatMap(([title, text]) => [h("dt", null, title), h("dd", { lang }, ...paragraphs(text))]);
  return [
    h("div", { class: "consent__what", lang }, ...paragraphs(notice.what)),
    h("details", { class: "consent__rest" }, h("summary", null, t("Read all of it")), h("dl", null, ...rest)),
  ];
}

function paragraphs(text: string): HTMLElement[] {
  return text
    .split(/\n+/)
    .filter((line) => line.trim() !== "")
    .map((line) => h("p", null, line));
}
