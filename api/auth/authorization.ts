/** What an Authorization header presents (O-24). */
export type Presented =
  | { kind: "token"; token: string /** User name it came with, if it came as a password. */; username?: string }
  | { kind: "password"; username: string; password: string };

const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * The credential in an Authorization header: `Bearer <jwt>`, or `Basic <user:password>`, where the password may be a token
 * of that user. Undefined for anything else, such as the `Bearer None` of old clients (O-26).
 */
export function parseAuthorization(header: string): Presented | undefined {
  const [, scheme, value] = /^(\S+) +(\S+)$/.exec(header.trim()) ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  switch (scheme.toLowerCase()) {
    case "bearer":
      return TOKEN.test(value) ? { kind: "token", token: value } : undefined;
    case "basic":
      return parseBasic(value);
    default:
      return undefined;
  }
}

function parseBasic(value: string): Presented | undefined {
  const text = Buffer.from(value, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  const username = text.slice(0, colon);
  const password = text.slice(colon + 1);
  // Tokens are pasted from files, which end in a newline (O-241).
  const token = password.trim();
  return TOKEN.test(token) ? { kind: "token", token, username } : { kind: "password", username, password };
}
