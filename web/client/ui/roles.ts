/** Roles in words. */
import type { Role } from "../types";
import { t } from "./i18n";

export function roleName(role: Role): string {
  switch (role) {
    case "case_manager":
      return t("Case manager");
    case "social_worker":
      return t("Social worker");
    case "psychologist":
      return t("Psychologist");
    case "lawyer":
      return t("Lawyer");
    case "rehabilitation":
      return t("Rehabilitation specialist");
    case "interpreter":
      return t("Interpreter");
    case "agency_guest":
      return t("Guest from another service");
    case "supervisor":
      return t("Supervisor");
    case "administrator":
      return t("Administrator");
    case "client":
      return t("Client");
    case "representative":
      return t("Representative");
    case "helper":
      return t("Helper");
  }
}
