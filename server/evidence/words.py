"""What can be wrong with the ledger, in words."""

from __future__ import annotations

from consent.verify import Wrong
from server.i18n import N_

WRONG = {
    Wrong.EDITED: N_("An entry was edited."),
    Wrong.MISSING: N_("An entry is missing."),
    Wrong.INSERTED: N_("An entry was inserted."),
    Wrong.REORDERED: N_("Entries have changed places."),
    Wrong.ROLLED_BACK: N_("The record was put back to an earlier state."),
    Wrong.FORKED: N_("There are two different histories of the same record."),
    Wrong.FORGED: N_("A signature is not genuine."),
    Wrong.UNPROVEN: N_("This file does not prove what it says."),
    Wrong.UNWITNESSED: N_("The witness you named has not signed this."),
}
