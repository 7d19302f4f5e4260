import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";

/** A certificate with the private key that belongs to it, both PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** Who a certificate is for and what it may be used for (RFC 5280). */
export interface CertificateRequest {
  commonName: string;
  /** Kubernetes reads a client certificate's organisations as the user's groups. */
  organizations?: string[];
  usages: ("serverAuth" | "clientAuth")[];
  dnsNames?: string[];
  /** IPv4 addresses in dotted form. */
  addresses?: string[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** A new self-signed certificate authority on P-256, valid for ten years. */
export function createAuthority(commonName: string): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = distinguishedName(commonName, []);
  const keyId = keyIdentifier(publicKey);
  const extensions = [
    extension(OID.basicConstraints, true, sequence(boolean(true))),
    extension(OID.keyUsage, true, bitString(Buffer.from([0b0000_0110]), 1)), // keyCertSign, cRLSign
    extension(OID.subjectKeyIdentifier, false, octetString(keyId)),
  ];
  return issue({
    subject,
    issuer: subject,
    publicKey,
    privateKey,
    signer: privateKey,
    extensions,
    days: AUTHORITY_DAYS,
  });
}

/** A new key with a certificate signed by `authority`, valid for a year. */
export function createCertificate(authority: KeyPair, signer: KeyObject, request: CertificateRequest): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const parent = new X509Certificate(authority.certificate);
  const extensions = [
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, bitString(Buffer.from([0b1000_0000]), 7)), // digitalSignature
    extension(OID.extendedKeyUsage, false, sequence(...request.usages.map((usage) => objectIdentifier(OID[usage])))),
    extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(tagged(0x80, keyIdentifier(parent.publicKey)))),
  ];
  const names = [
    ...(request.dnsNames ?? []).map((name) => tagged(0x82, Buffer.from(name, "ascii"))),
    ...(request.addresses ?? []).map((address) => tagged(0x87, Buffer.from(address.split(".").map(Number)))),
  ];
  if (names.length > 0) extensions.push(extension(OID.subjectAlternativeName, false, sequence(...names)));
  return issue({
    subject: distinguishedName(request.commonName, request.organizations ?? []),
    issuer: subjectOf(parent),
    publicKey,
    privateKey,
    signer,
    extensions,
    days: LEAF_DAYS,
  });
}

interface Issue {
  subject: Buffer;
  issuer: Buffer;
  publicKey: KeyObject;
  privateKey: KeyObject;
  signer: KeyObject;
  extensions: Buffer[];
  days: number;
}

function issue(o: Issue): KeyPair {
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive, and never shortened by leading zeros
  // Backdated, so that a clock that was just set back still accepts it.
  const validity = sequence(time(Date.now() - DAY_MS), time(Date.now() + o.days * DAY_MS));
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    o.issuer,
    validity,
    o.subject,
    o.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...o.extensions)),
  );
  const certificate = sequence(body, algorithm, bitString(sign("sha256", body, o.signer), 0));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: o.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

/** Our authorities have a single `CN=`; Node shows it as that text. */
function subjectOf(certificate: X509Certificate): Buffer {
  return distinguishedName(certificate.subject.replace(/^CN=/, ""), []);
}

function distinguishedName(commonName: string, organizations: string[]): Buffer {
  const attribute = (oid: string, value: string) =>
    tagged(0x31, sequence(objectIdentifier(oid), tagged(0x0c, Buffer.from(value, "utf8"))));
  return sequence(...organizations.map((o) => attribute(OID.organization, o)), attribute(OID.commonName, commonName));
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

function tagged(tag: number, content: Buffer): Buffer {
  const length = content.length;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function integer(bigEndian: Buffer): Buffer {
  return tagged(0x02, bigEndian);
}

function octetString(content: Buffer): Buffer {
  return tagged(0x04, content);
}

function bitString(content: Buffer, unusedBits: number): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unusedBits]), content]));
}

/** UTCTime covers the years to 2049; GeneralizedTime is required after them. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, "");
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2), "ascii"))
    : tagged(0x18, Buffer.from(digits, "ascii"));
}

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tagged(0x06, Buffer.from(bytes));
}
