import { createPrivateKey, X509Certificate } from "node:crypto";
import { rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { Registry } from "prom-client";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CertificateRenewal, readCertificate } from "../../../api/certificate.ts";
import { type Listener, listen } from "../../../api/listener.ts";
import { certificateMetrics } from "../../../api/metrics.ts";
import { createAuthority, createCertificate } from "../../../local/x509.ts";
import { SettingProblem } from "../../../settings/settings.ts";
import { until } from "../../support/deadline.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const test = suite("api certificates");
const authority = createAuthority("a test's own authority");
const issued = (commonName: string) =>
  createCertificate(authority, createPrivateKey(authority.key), {
    commonName,
    usages: ["serverAuth"],
    addresses: ["127.0.0.1"],
  });
const WAIT_MS = 60_000;
let place: TemporaryDirectory;
let listener: Listener;
let renewal: CertificateRenewal;
const lines: [string, string][] = [];

const files = () => ({ certFile: join(place.path, "tls.crt"), keyFile: join(place.path, "tls.key") });
const log = (level: string) => (_fields: object, message: string) => void lines.push([level, message]);

test.before.each(async () => {
  place = await temporaryDirectory();
  const { certificate, key } = issued("first");
  await writeFile(files().certFile, certificate);
  await writeFile(files().keyFile, key);
  const tls = await readCertificate(files());
  listener = await listen((_request, response) => void response.end("ok"), { host: "127.0.0.1", port: 0, tls });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  lines.length = 0;
  renewal = new CertificateRenewal(files(), tls, (renewed) => listener.renewCertificate(renewed), logger, 20);
});
test.after.each(async () => {
  renewal.stop();
  await listener.close(0);
  await place.remove();
});

/** Common name of the certificate that a new connection is shown. */
function served(): Promise<string> {
  const port = Number(new URL(listener.url).port);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", ca: authority.certificate }, () => {
      const { subject } = socket.getPeerCertificate() as PeerCertificate;
      socket.end();
      resolve(String(subject.CN));
    });
    socket.on("error", reject);
  });
}

const untilServed = (name: string): Promise<string> =>
  until(served, WAIT_MS, { describe: `${name} is served`, accept: (found) => found === name });

test("O-1: a renewed certificate is served without a restart, also where Kubernetes swaps a link", async () => {
  assert.is(await served(), "first");
  const { certificate, key } = issued("second");
  await writeFile(files().keyFile, key);
  await writeFile(files().certFile, certificate);
  await untilServed("second");
  const third = issued("third");
  await writeFile(join(place.path, "new.crt"), third.certificate);
  await writeFile(join(place.path, "new.key"), third.key);
  for (const [target, name] of [
    ["new.crt", "tls.crt"],
    ["new.key", "tls.key"],
  ] as const) {
    await symlink(target, join(place.path, "link"));
    await rename(join(place.path, "link"), join(place.path, name));
  }
  await untilServed("third");
});

test("O-1: files that are no pair, or gone, leave the old certificate; each problem is told once", async () => {
  await writeFile(files().keyFile, issued("other").key);
  await until(() => lines.length > 0, WAIT_MS, { describe: "the problem is told" });
  assert.is(await served(), "first");
  await rm(files().certFile);
  await until(() => lines.length > 1, WAIT_MS, { describe: "the other problem is told" });
  assert.is(await served(), "first");
  assert.ok(lines.filter(([level]) => level === "warn").length <= 3, JSON.stringify(lines));
});

test("the end of the certificate that is served is a metric", async () => {
  const registry = new Registry();
  certificateMetrics(registry, () => renewal.current.cert);
  const seconds = async (): Promise<number> =>
    Number(/^odin_api_certificate_expiry_timestamp_seconds (\S+)$/m.exec(await registry.metrics())?.[1]);
  assert.is(await seconds(), Date.parse(new X509Certificate(renewal.current.cert).validTo) / 1000);
  const { certificate, key } = issued("second");
  await writeFile(files().keyFile, key);
  await writeFile(files().certFile, certificate);
  await untilServed("second");
  await until(() => renewal.current.cert === certificate, WAIT_MS, { describe: "the renewed one is the current one" });
  assert.is(await seconds(), Date.parse(new X509Certificate(certificate).validTo) / 1000);
});

test("O-270, O-1: a pair that does not fit stops the start with the names of the settings", async () => {
  await writeFile(files().keyFile, issued("other").key);
  try {
    await readCertificate(files());
    assert.unreachable();
  } catch (error) {
    assert.instance(error, SettingProblem);
    assert.match(String(error), /ODIN_TLS_CERT.*ODIN_TLS_KEY/);
    assert.not.match(String(error), /PRIVATE KEY/);
  }
});

test.run();
