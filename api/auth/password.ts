import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/** Bounds of a password in bytes (O-30). */
export const MIN_PASSWORD_BYTES = 8;
export const MAX_PASSWORD_BYTES = 256;

/** Cost of new hashes: 32 MiB and about 0.2 s of one core. */
const COST = { logN: 15, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** Highest cost that a stored hash may ask for, so that no Secret can stall the process. */
const MAX_LOG_N = 20;

interface StoredHash {
  logN: number;
  r: number;
  p: number;
  salt: Buffer;
  key: Buffer;
}

const STORED = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)$/;

/** What is wrong with a new password; undefined if nothing is (O-30). */
export function passwordProblem(password: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes >= MIN_PASSWORD_BYTES && bytes <= MAX_PASSWORD_BYTES) return undefined;
  return `a password has ${MIN_PASSWORD_BYTES} to ${MAX_PASSWORD_BYTES} bytes`;
}

/** The hash to store: `$scrypt$ln=…,r=…,p=…$<salt>$<key>`, with a new salt each time. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, { ...COST, salt, key: Buffer.alloc(KEY_BYTES) });
  return format(salt, key);
}

/** Whether the password belongs to the hash; false also for a hash that cannot be read. Takes constant time in the content. */
export async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const hash = parse(stored);
  if (hash === undefined) return false;
  return timingSafeEqual(await derive(password, hash), hash.key);
}

/** A hash that no password has, to be checked in place of an unknown user's: the answer takes as long (O-21). */
export function unmatchableHash(): string {
  return format(randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
}

function format(salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${COST.logN},r=${COST.r},p=${COST.p}$${salt.toString("base64")}$${key.toString("base64")}`;
}

function parse(stored: string): StoredHash | undefined {
  const match = STORED.exec(stored);
  if (match === null) return undefined;
  const [, logN, r, p, salt, key] = match;
  const hash = {
    logN: Number(logN),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt ?? "", "base64"),
    key: Buffer.from(key ?? "", "base64"),
  };
  const sane = hash.logN > 0 && hash.logN <= MAX_LOG_N && hash.r > 0 && hash.p > 0 && hash.key.length >= 16;
  return sane ? hash : undefined;
}

function derive(password: string, hash: StoredHash): Promise<Buffer> {
  const N = 2 ** hash.logN;
  const options: ScryptOptions = { N, r: hash.r, p: hash.p, maxmem: 256 * N * hash.r };
  return new Promise((resolve, reject) => {
    scrypt(password, hash.salt, hash.key.length, options, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}
