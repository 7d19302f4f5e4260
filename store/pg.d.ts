/** The part of the PostgreSQL driver that is used here; it comes without types. */
declare module "pg" {
  type Parser = (text: string) => unknown;
  type TypeParsers = { getTypeParser(oid: number, format?: "text" | "binary"): Parser };

  /** Of a connection. */
  export interface ClientConfig {
    host: string;
    port: number;
    user: string;
    database: string;
    /** A function is asked for each new connection. */
    password?: string | (() => Promise<string>) | undefined;
    ssl?: false | { ca?: string; servername?: string; host?: string };
    application_name?: string;
    connectionTimeoutMillis?: number;
    statement_timeout?: number;
    lock_timeout?: number;
    idle_in_transaction_session_timeout?: number;
    query_timeout?: number;
    keepAlive?: boolean;
    types?: TypeParsers;
  }

  export interface PoolConfig extends ClientConfig {
    /** Connections at most. */
    max?: number;
    /** Connections that nobody uses do not keep the process. */
    allowExitOnIdle?: boolean;
  }

  export interface Result {
    rows: Record<string, unknown>[];
    rowCount: number | null;
  }

  interface Queries {
    query(statement: string | { text: string; values: readonly unknown[] }): Promise<Result>;
    on(event: "error", listener: (error: Error) => void): this;
  }

  export interface Client extends Queries {
    connect(): Promise<void>;
    end(): Promise<void>;
  }

  export interface PoolClient extends Queries {
    /** `destroy`: the connection is not used again. */
    release(destroy?: boolean): void;
  }

  export interface Pool {
    connect(): Promise<PoolClient>;
    end(): Promise<void>;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "connect", listener: (client: PoolClient) => void): this;
  }

  const driver: {
    Pool: new (config: PoolConfig) => Pool;
    Client: new (config: ClientConfig) => Client;
    types: TypeParsers;
  };
  export default driver;
}
