/** A person's own page: what they agreed to, stopping and agreeing again with one tap, receipts, and who has read. */
import { PersonDesk, Refusal, type Agreement, type NoticeText, type PersonPage, type Reading } from "./person/api";
import { forgetLink, takeLink } from "./person/link";
import { fill, h, setText, type Child } from "./ui/dom";
import { leaveQuickly, watchExitKeys } from "./ui/exit";
import { setLanguage, t } from "./ui/i18n";
import { dateAndClock } from "./ui/times";

const place = document.getElementById("person");

async function start(root: HTMLElement): Promise<void> {
  await setLanguage(document.documentElement.lang);
  // On paper nothing can be opened any more, so everything is.
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
  watchExitKeys();
  for (const exit of document.querySelectorAll("[data-exit]")) {
    exit.addEventListener("click", (event) => {
      event.preventDefault();
      forgetLink();
      leaveQuickly();
    });
  }
  const link = takeLink();
  if (link === null) return show(root, t("Open this page with the link that you were given."));
  await new Page(root, new PersonDesk(link)).begin();
}

class Page {
  readonly #root: HTMLElement;
  readonly #desk: PersonDesk;
  readonly #name = h("h1", { class: "govuk-heading-xl" });
  /** Stays in the page while the rest is drawn anew: a region that comes together with its words is often not read. */
  readonly #said = h("p", { class: "govuk-body", role: "status" });
  readonly #content = h("div");
  #page: PersonPage | null = null;
  #readers: readonly Reading[] | null = null;
  #olderReaders = false;
  /** Whether what was done last is written down later. */
  #late = false;

  constructor(root: HTMLElement, desk: PersonDesk) {
    this.#root = root;
    this.#desk = desk;
  }

  async begin(): Promise<void> {
    try {
      this.#draw(await this.#desk.look());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "link_unknown") forgetLink();
      show(this.#root, words(error));
    }
  }

  #draw(page: PersonPage): void {
    this.#page = page;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["key"] : undefined;
    if (!this.#content.isConnected) fill(this.#root, this.#name, this.#said, this.#content);
    setText(this.#name, page.name);
    fill(
      this.#content,
      h("h2", { class: "govuk-heading-l" }, t("What you agreed to")),
      page.agreements.length === 0
        ? h("p", { class: "govuk-body" }, t("You have not been asked yet. You are asked when you open the link of an appointment."))
        : h("ul", { class: "cards" }, ...page.agreements.map((each) => this.#card(each, page))),
      this.#readersPart(page),
      page.history.length > 0 && this.#history(page),
      page.agreements.length > 0 &&
        h("button", { type: "button", class: "govuk-button govuk-button--secondary", onclick: () => window.print() }, t("Print")),
      page.help_phone !== "" &&
        h(
          "p",
          { class: "govuk-body-l" },
          t("You want to speak with somebody? Phone us:"),
          " ",
          h("a", { class: "govuk-link", href: `tel:${page.help_phone.replace(/[^+\d]/g, "")}` }, page.help_phone),
        ),
    );
    this.#root.setAttribute("aria-busy", "false");
    if (focused !== undefined) this.#root.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  #card(each: Agreement, page: PersonPage): HTMLElement {
    const name = each.about === null ? each.title : t("{what}: {name}", { what: each.title, name: each.about });
    const tone = { given: "ok", refused: "danger", withdrawn: "danger", expired: "warn" }[each.state];
    const state = each.state === "expired" ? t("has expired") : each.words;
    return h(
      "li",
      { class: "card", "data-record": each.record, "data-state": each.state },
      h("h3", { class: "govuk-heading-m" }, name),
      h("p", { class: "govuk-body" }, h("strong", { class: `govuk-tag tag--${tone}` }, state), " ", when(each.at, page)),
      each.by_representative && h("p", { class: "govuk-body-s" }, t("Your representative answered this. Your own “no” always counts.")),
      each.until !== null && each.stop && h("p", { class: "govuk-body-s" }, t("It holds until {day}.", { day: when(each.until, page) })),
      each.entered &&
        !each.confirmed &&
        h(
          "div",
          { class: "govuk-inset-text" },
          h("p", { class: "govuk-body" }, t("A worker wrote this down for you. Is it right?")),
          this.#button(`confirm-${each.record}`, t("Yes, it is right"), () => this.#desk.confirm(each.record), ""),
        ),
      each.signed === true && h("p", { class: "govuk-body-s" }, t("Signed by the device on which it was answered.")),
      each.told !== null && details(t("What you were told"), ...told(each.told)),
      each.again !== null && each.again.text !== null && each.told?.what !== each.again.text.what
        ? details(t("What you agree to now"), ...told(each.again.text))
        : null,
      h(
        "div",
        { class: "govuk-button-group" },
        each.stop
          ? this.#button(`do-${each.record}`, t("Stop agreeing"), () => this.#stop(each, page), "govuk-button--warning", name)
          : each.again !== null &&
              this.#button(`do-${each.record}`, t("I agree again"), () => this.#desk.give(each, each.again?.hash ?? ""), "", name),
        h(
          "button",
          { type: "button", class: "govuk-button govuk-button--secondary", onclick: () => void this.#keep(each.record) },
          t("Keep the receipt"),
          h("span", { class: "govuk-visually-hidden" }, `: ${name}`),
        ),
      ),
    );
  }

  #button(key: string, label: string, act: () => Promise<PersonPage>, kind: string, about?: string): HTMLButtonElement {
    const button = h(
      "button",
      { type: "button", class: `govuk-button ${kind}`.trim(), "data-key": key, onclick: () => void this.#act(button, act) },
      label,
      about === undefined ? null : h("span", { class: "govuk-visually-hidden" }, `: ${about}`),
    );
    return button;
  }

  async #act(button: HTMLButtonElement, act: () => Promise<PersonPage>): Promise<void> {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    this.#late = false;
    try {
      this.#draw(await act());
      this.#say(this.#late ? t("Stopped. It holds from this moment, and the server writes it down as soon as it can.") : t("Done. It holds from this moment."));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      button.removeAttribute("aria-disabled");
      this.#say(words(error));
    }
  }

  /** Taken back while the server cannot write: it is shown as it stands, although the record does not have it yet. */
  async #stop(each: Agreement, page: PersonPage): Promise<PersonPage> {
    const reply = await this.#desk.withdraw(each);
    this.#late = "kept" in reply;
    if (!("kept" in reply)) return reply;
    const stopped: Agreement = { ...each, state: "withdrawn", words: reply.words, at: new Date().toISOString(), until: null, stop: false };
    return { ...page, agreements: page.agreements.map((other) => (other.record === each.record ? stopped : other)) };
  }

  async #keep(record: string): Promise<void> {
    try {
      const receipt = await this.#desk.receipt(record);
      const url = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" }));
      h("a", { href: url, download: `receipt-${record}.json` }).click();
      URL.revokeObjectURL(url);
      this.#say(t("The receipt is among your downloads. To keep it on paper, print this page."));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#say(words(error));
    }
  }

  #readersPart(page: PersonPage): HTMLElement {
    const heading = h("h2", { class: "govuk-heading-l" }, t("Who has opened your case"));
    if (this.#readers !== null) {
      const lines = this.#readers.map((each) =>
        h("li", null, when(each.at, page), ": ", h("strong", null, each.name), each.role === "" ? "" : `, ${each.role}`, ", ", each.why),
      );
      const empty = h("p", { class: "govuk-body" }, t("Nobody has opened it yet."));
      return h(
        "section",
        { id: "readers" },
        heading,
        lines.length === 0 ? empty : h("ul", { class: "govuk-list govuk-list--bullet" }, ...lines),
        this.#olderReaders && h("p", { class: "govuk-body" }, t("These are the latest. Ask your case manager for the older ones.")),
      );
    }
    if (!page.pin) {
      return h("section", { id: "readers" }, heading, h("p", { class: "govuk-body" }, t("For this you need a PIN. Ask your case manager for one when you meet.")));
    }
    const field = h("input", {
      id: "pin",
      class: "govuk-input govuk-input--width-5",
      inputmode: "numeric",
      autocomplete: "off",
      maxlength: 7,
      "aria-describedby": "pin-hint",
    });
    const form = h(
      "form",
      {
        novalidate: true,
        onsubmit: (event: Event) => {
          event.preventDefault();
          void this.#openReaders(field);
        },
      },
      h(
        "div",
        { class: "govuk-form-group" },
        h("label", { class: "govuk-label", for: "pin" }, t("Your PIN")),
        h("div", { id: "pin-hint", class: "govuk-hint" }, t("The six digits that you were told face to face.")),
        field,
      ),
      h("button", { type: "submit", class: "govuk-button" }, t("Show who has opened it")),
    );
    return h("section", { id: "readers" }, heading, form);
  }

  async #openReaders(field: HTMLInputElement): Promise<void> {
    const pin = field.value.replace(/\D/g, "");
    if (pin.length !== 6) {
      this.#say(t("The PIN has six digits."));
      field.focus();
      return;
    }
    try {
      const reply = await this.#desk.readers(pin);
      this.#readers = reply.readers;
      this.#olderReaders = reply.more;
      if (this.#page) this.#draw(this.#page);
      this.#say("");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#say(words(error));
      field.focus();
    }
  }

  #history(page: PersonPage): HTMLElement {
    const lines = page.history.map((each) =>
      h("li", null, when(each.at, page), ": ", each.purpose, each.about === null ? "" : `, ${each.about}`, ": ", each.words),
    );
    return details(t("Everything that you answered"), h("ul", { class: "govuk-list govuk-list--bullet" }, ...lines));
  }

  #say(text: string): void {
    this.#said.textContent = text;
    if (text !== "") this.#said.scrollIntoView({ block: "nearest" });
  }
}

function told(text: NoticeText): Child[] {
  const parts: readonly (readonly [string, string])[] = [
    [t("What happens"), text.what],
    [t("Why"), text.why],
    [t("Who sees and hears it"), text.who],
    [t("How long"), text.how_long],
    [t("Your rights"), text.rights],
    [t("How to stop"), text.withdraw],
    [t("Who answers for it"), text.controller],
  ];
  const title = h("p", { class: "govuk-heading-s", lang: text.language }, text.title);
  const paragraphs = parts.map(([name, words]) =>
    h("p", { class: "govuk-body" }, h("strong", null, name), h("br"), h("span", { lang: text.language }, words)),
  );
  return [title, ...recordings(text), ...paragraphs];
}

/** The same to hear and to see, where the organisation has recorded it; fetched only when somebody wants it. */
function recordings({ audio, sign_video }: NoticeText): Child[] {
  const player = { class: "told__media screen-only", controls: true, preload: "none" };
  return [
    audio !== null && h("audio", { ...player, src: audio, "aria-label": t("The same, read aloud") }),
    sign_video !== null &&
      h("video", { ...player, playsinline: true, src: sign_video, "aria-label": t("The same in sign language") }),
  ];
}

function details(summary: string, ...inside: Child[]): HTMLElement {
  return h(
    "details",
    { class: "govuk-details" },
    h("summary", { class: "govuk-details__summary" }, h("span", { class: "govuk-details__summary-text" }, summary)),
    h("div", { class: "govuk-details__text" }, ...inside),
  );
}

function when(at: string, page: PersonPage): string {
  return dateAndClock(new Date(at), page.time_zone);
}

function words(error: Refusal): string {
  return error.words || t("The page could not reach the server. Please check the connection and try again.");
}

function show(root: HTMLElement, text: string): void {
  fill(root, h("p", { class: "govuk-body-l" }, text));
  root.setAttribute("aria-busy", "false");
}

if (place) void start(place);
