import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateRequest, createAuthority, createCertificate, type KeyPair } from "./x509.ts";

/** A certificate and its key as files, and the authority to verify the other side with. */
export interface CredentialFiles {
  certificate: string;
  key: string;
  authority: string;
}

/** The keys of one cluster. Everything lies in one directory that only its owner can read. */
export class Pki {
  readonly #directory: string;
  readonly #cluster: SigningAuthority;
  readonly #etcd: SigningAuthority;

  private constructor(directory: string, cluster: SigningAuthority, etcd: SigningAuthority) {
    this.#directory = directory;
    this.#cluster = cluster;
    this.#etcd = etcd;
  }

  /**
   * Makes the two authorities and the service-account key. etcd has an authority of its own: with a shared one, every
   * client certificate of the cluster would open the database, past all authorization.
   */
  static async create(directory: string): Promise<Pki> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const cluster = await signingAuthority(directory, "ca", "odin-local-ca");
    const etcd = await signingAuthority(directory, "etcd-ca", "odin-local-etcd-ca");
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writeSecret(join(directory, "service-account.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeSecret(join(directory, "service-account.pub"), publicKey.export({ type: "spki", format: "pem" }));
    return new Pki(directory, cluster, etcd);
  }

  get serviceAccount(): { privateKey: string; publicKey: string } {
    return {
      privateKey: join(this.#directory, "service-account.key"),
      publicKey: join(this.#directory, "service-account.pub"),
    };
  }

  /** The cluster authority's certificate, PEM. */
  get authorityCertificate(): string {
    return this.#cluster.pair.certificate;
  }

  /** Issues a certificate by the cluster authority and writes it as `<name>.crt` and `<name>.key`. */
  issue(name: string, request: CertificateRequest): Promise<CredentialFiles> {
    return this.#write(this.#cluster, name, request);
  }

  /** The same, by the authority of etcd. */
  issueForEtcd(name: string, request: CertificateRequest): Promise<CredentialFiles> {
    return this.#write(this.#etcd, name, request);
  }

  /** Issues a client certificate by the cluster authority without writing it anywhere. */
  client(commonName: string, organizations: string[] = []): KeyPair {
    const request: CertificateRequest = { commonName, organizations, usages: ["clientAuth"] };
    return createCertificate(this.#cluster.pair, this.#cluster.signer, request);
  }

  async #write(authority: SigningAuthority, name: string, request: CertificateRequest): Promise<CredentialFiles> {
    const pair = createCertificate(authority.pair, authority.signer, request);
    const certificate = join(this.#directory, `${name}.crt`);
    const key = join(this.#directory, `${name}.key`);
    await writeSecret(certificate, pair.certificate);
    await writeSecret(key, pair.key);
    return { certificate, key, authority: authority.file };
  }
}

interface SigningAuthority {
  pair: KeyPair;
  signer: KeyObject;
  file: string;
}

/** The authority's own key stays in memory: once the cluster runs, nothing needs it any more. */
async function signingAuthority(directory: string, name: string, commonName: string): Promise<SigningAuthority> {
  const pair = createAuthority(commonName);
  const file = join(directory, `${name}.crt`);
  await writeSecret(file, pair.certificate);
  return { pair, signer: createPrivateKey(pair.key), file };
}

function writeSecret(path: string, content: string | Buffer): Promise<void> {
  return writeFile(path, content, { mode: 0o600 });
}
