/** What the dialects call differently in the table of messages. */
export interface MessageColumnTypes {
  /** Text that is compared by code point. */
  text: string;
  /** A key that the database counts up in the order of arrival, and never gives twice. */
  serial: string;
}

/**
 * The tables of what goes to Slack (V-57, V-59). A row of `vesta_message` waits for delivery (`state` 0) or was refused (1, with the words in `problem`); what
 * was accepted has none. `body` is JSON, without any secret. `begun_at` is when the try was begun that has no outcome yet, and 0 between tries; `unsure` says that
 * a try may have been accepted without our knowing. `vesta_once` holds the names of what is to be done once: events that were acted on, reports that were made.
 */
export function vestaMessageTables({ text, serial }: MessageColumnTypes): readonly string[] {
  return [
    `CREATE TABLE vesta_message (
       id ${serial},
       message_key TEXT NOT NULL UNIQUE,
       target TEXT NOT NULL,
       body TEXT NOT NULL,
       made_at BIGINT NOT NULL,
       next_at BIGINT NOT NULL,
       tries BIGINT NOT NULL,
       begun_at BIGINT NOT NULL,
       unsure BIGINT NOT NULL,
       state BIGINT NOT NULL,
       problem TEXT NOT NULL
     )`,
    "CREATE INDEX vesta_message_by_target ON vesta_message (state, target, id)",
    "CREATE INDEX vesta_message_by_age ON vesta_message (made_at)",
    `CREATE TABLE vesta_once (name ${text} PRIMARY KEY, at BIGINT NOT NULL, claim TEXT NOT NULL)`,
    "CREATE INDEX vesta_once_by_age ON vesta_once (at)",
  ];
}
