/** What somebody with the right to it orders about others: asked back where it cannot be undone, and a refusal is shown. */
import type { Connection } from "../connection";
import { ProtocolError, type Person, type Requests } from "../types";
import { confirmDialog } from "../ui/dialog";
import { t } from "../ui/i18n";
import { announce } from "../ui/live";

export class HostOrders {
  readonly #connection: Connection;
  readonly #onRefusal: (text: string) => void;
  readonly #onAdmit: (seat: string) => void;

  /** `onAdmit` hears of it before the server does. */
  constructor(connection: Connection, onRefusal: (text: string) => void, onAdmit: (seat: string) => void) {
    this.#connection = connection;
    this.#onRefusal = onRefusal;
    this.#onAdmit = onAdmit;
  }

  async admit(person: Person): Promise<void> {
    if (person.knock === "new_device") {
      const confirmed = await confirmDialog({
        title: t("Let {name} in on another device?", { name: person.name }),
        body: t(
          "Somebody has opened this person's link on another device. The first device will be closed. Let in only if you know that it is them.",
        ),
        confirm: t("Let in"),
        cancel: t("Not now"),
      });
      if (!confirmed) return;
    }
    this.#onAdmit(person.seat);
    await this.#order("host.admit", { seat: person.seat });
  }

  async decline(person: Person): Promise<void> {
    await this.#order("host.decline", { seat: person.seat });
  }

  async mute(person: Person): Promise<void> {
    if (await this.#order("host.mute", { seat: person.seat }))
      announce(t("The sound of {name} is off.", { name: person.name }));
  }

  async remove(person: Person): Promise<void> {
    const confirmed = await confirmDialog({
      title: t("Remove {name}?", { name: person.name }),
      body: t("This person leaves the conversation at once and cannot come back with the same link."),
      confirm: t("Remove"),
      cancel: t("Cancel"),
      danger: true,
    });
    if (confirmed) await this.#order("host.remove", { seat: person.seat });
  }

  async helper(person: Person): Promise<void> {
    await this.#order("host.helper", { seat: person.seat, with_helper: person.with_helper !== true });
  }

  async lock(locked: boolean): Promise<void> {
    if (await this.#order("host.lock", { locked }))
      announce(locked ? t("Newcomers cannot come in now.") : t("Newcomers can come in again."));
  }

  async end(): Promise<void> {
    const confirmed = await confirmDialog({
      title: t("End the conversation for everybody?"),
      body: t("All leave at once, and nobody can come back."),
      confirm: t("End for everybody"),
      cancel: t("Cancel"),
      danger: true,
    });
    if (confirmed) await this.#order("host.end", {});
  }

  async #order<E extends keyof Requests>(event: E, data: Requests[E][0]): Promise<boolean> {
    try {
      await this.#connection.request(event, data);
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#onRefusal(
        error.code === "timeout" || error.code === "disconnected"
          ? t("The connection is gone for a moment. Please try again.")
          : error.message,
      );
      return false;
    }
  }
}
