/** What the dialects call differently in the tables of GPU hosts. */
export interface VestaColumnTypes {
  /** Text that is compared by code point. */
  text: string;
  /** A key that the database counts up in the order of arrival, and never gives twice. */
  serial: string;
}

/**
 * The tables of GPU hosts and their history (V-66). Times are milliseconds since 1970.
 *
 * `vesta_revision` has one row, which every transaction that changes a host counts up first: so these transactions come one after the other, and whoever
 * has read up to a revision has seen all that came before it. `form` is the name as it is also found (V-9). `writer` is the process that wrote the row
 * last. `removed_at` is 0 for a host that is there. `payload` and `data` are JSON. `saved_at`: when the last row of history was written. `idle` is JSON too.
 */
export function vestaTables({ text, serial }: VestaColumnTypes): readonly string[] {
  return [
    "CREATE TABLE vesta_revision (value BIGINT NOT NULL)",
    "INSERT INTO vesta_revision (value) VALUES (0)",
    `CREATE TABLE vesta_host (
       id ${text} PRIMARY KEY,
       name ${text} NOT NULL,
       form ${text} NOT NULL,
       ip_address TEXT NOT NULL,
       source TEXT NOT NULL,
       status TEXT NOT NULL,
       arrival BIGINT NOT NULL,
       had_contact BIGINT NOT NULL,
       last_contact BIGINT,
       payload TEXT,
       payload_at BIGINT,
       saved_at BIGINT,
       idle TEXT,
       removed_at BIGINT NOT NULL,
       revision BIGINT NOT NULL,
       writer TEXT NOT NULL
     )`,
    "CREATE UNIQUE INDEX vesta_host_by_name ON vesta_host (name) WHERE removed_at = 0",
    "CREATE INDEX vesta_host_by_form ON vesta_host (form) WHERE removed_at = 0",
    "CREATE INDEX vesta_host_by_revision ON vesta_host (revision)",
    "CREATE INDEX vesta_host_by_arrival ON vesta_host (arrival)",
    `CREATE TABLE vesta_history (
       id ${serial},
       host ${text} NOT NULL,
       timestamp BIGINT NOT NULL,
       data TEXT NOT NULL
     )`,
    "CREATE INDEX vesta_history_by_host ON vesta_history (host, timestamp, id)",
  ];
}
