/** The name of a run that is active, or about to be. */
export interface Reservation {
  id: number;
  /** Name of its Pipeline. */
  object: string;
  /** When it was made, in seconds since 1970, by the API server's clock. */
  at: number;
  /** Tells reservations apart. */
  token: string;
}

/** What the register holds (M-59). */
export interface RegisterData {
  /** The highest id that was ever given away. */
  lastId: number;
  /** By the name of the run in small letters. */
  names: Map<string, Reservation>;
}

const LAST_ID = "last-id";
const NAMES = "names.json";

/** Reads the data of the ConfigMap; what is damaged counts as absent, as ids and names can be found again. */
export function readRegister(data: Readonly<Record<string, string>> = {}): RegisterData {
  const lastId = Number(data[LAST_ID]);
  return { lastId: Number.isSafeInteger(lastId) && lastId > 0 ? lastId : 0, names: readNames(data[NAMES]) };
}

/** The data of the ConfigMap. */
export function writeRegister({ lastId, names }: RegisterData): Record<string, string> {
  return { [LAST_ID]: String(lastId), [NAMES]: JSON.stringify(Object.fromEntries(names)) };
}

function readNames(text: string | undefined): Map<string, Reservation> {
  try {
    const parsed: unknown = JSON.parse(text ?? "{}");
    if (parsed === null || typeof parsed !== "object") return new Map();
    return new Map(Object.entries(parsed).filter((entry): entry is [string, Reservation] => isReservation(entry[1])));
  } catch {
    return new Map();
  }
}

function isReservation(value: unknown): value is Reservation {
  if (value === null || typeof value !== "object") return false;
  const { id, object, at, token } = value as Partial<Reservation>;
  return Number.isSafeInteger(id) && typeof object === "string" && typeof at === "number" && typeof token === "string";
}
