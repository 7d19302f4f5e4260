import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Logger } from "../kube/logger.ts";
import { SettingProblem } from "../settings/settings.ts";

/** A certificate chain and its private key, PEM texts. */
export interface Certificate {
  cert: string;
  key: string;
}

/** The files with them. */
export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** How often the files are looked at; certificates are renewed days before they end. */
const LOOK_MS = 30_000;

/** Reads certificate and key; throws a `SettingProblem` where a file is missing or the two are no pair. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    throw new SettingProblem(
      `--tls-cert (ODIN_TLS_CERT), --tls-key (ODIN_TLS_KEY): ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Takes up certificates that are renewed in their files, so that a server need not be restarted for one (O-1). */
export class CertificateRenewal {
  readonly #files: CertificateFiles;
  readonly #apply: (certificate: Certificate) => void;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #current: Certificate;
  #problem = "";
  #isLooking = false;

  constructor(
    files: CertificateFiles,
    current: Certificate,
    apply: (certificate: Certificate) => void,
    logger: Logger,
    everyMs = LOOK_MS,
  ) {
    this.#files = files;
    this.#current = current;
    this.#apply = apply;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  /** The certificate that is served now. */
  get current(): Certificate {
    return this.#current;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Read whole and compared: Kubernetes replaces mounted files behind symbolic links. While they are no pair the old one stays. */
  async #look(): Promise<void> {
    // Two looks at once may end in the wrong order: an old certificate would come back, and problems be told again.
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const found = await readCertificate(this.#files);
      this.#problem = "";
      if (found.cert === this.#current.cert && found.key === this.#current.key) return;
      this.#apply(found);
      this.#current = found;
      this.#logger.info({ file: this.#files.certFile }, "the renewed certificate is served");
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem)
        this.#logger.warn({ problem }, "the certificate's files cannot be used; the old one is served");
      this.#problem = problem;
    } finally {
      this.#isLooking = false;
    }
  }
}
