import type { Statement } from "../../../store/sql.ts";
import type { VestaEvent } from "../messages/announcements.ts";

/**
 * Gives the statements that store the message of an event for those who send it; none where nobody wants to hear of it. They become part of the transaction
 * that makes the change, so that no crash loses the message or doubles it. `when`: what has to hold, as they are carried out, for the event to have happened.
 */
export type MessageStatements = (event: VestaEvent, when?: Statement) => Statement[];
