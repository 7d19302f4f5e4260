import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createAuthority, createCertificate } from "../../../local/x509.ts";
import { clientCommands } from "../../support/odin-clients.ts";
import { OdinProcess } from "../../support/odin-process.ts";
import { skip } from "../../support/skip.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type TemporaryNamespace, temporaryNamespace } from "../../support/temporary-namespace.ts";
import { ClientShell, printedJson } from "./client-shell.ts";

const test = suite("the clients over https");
const NAME = "odin-api-0.7.6";
const PASSWORD = "the-roots-password";
let namespace: TemporaryNamespace;
let files: TemporaryDirectory;
let api: OdinProcess | undefined;
let commands = "";
let port = 0;

test.before(async () => {
  try {
    namespace = await temporaryNamespace("https");
    files = await temporaryDirectory();
    const authority = createAuthority("a test's own authority");
    const request = { commonName: "odin", usages: ["serverAuth" as const], addresses: ["127.0.0.1"] };
    const { certificate, key } = createCertificate(authority, createPrivateKey(authority.key), request);
    await writeFile(join(files.path, "ca.pem"), authority.certificate);
    await writeFile(join(files.path, "cert.pem"), certificate);
    await writeFile(join(files.path, "key.pem"), key, { mode: 0o600 });
    api = new OdinProcess("api", {
      ODIN_NAMESPACE: namespace.name,
      ODIN_LISTEN: "127.0.0.1:0",
      ODIN_PUBLIC_READS: "none",
      ODIN_SECRET: "the secret of the tests over https, long enough",
      ODIN_ROOT_USER: "root",
      ODIN_ROOT_PASS: PASSWORD,
      ODIN_TLS_CERT: join(files.path, "cert.pem"),
      ODIN_TLS_KEY: join(files.path, "key.pem"),
    });
    await api.untilSaid('"msg":"ready"');
    port = Number(/"url":"https:\/\/127\.0\.0\.1:(\d+)"/.exec(api.output)?.[1]);
  } catch (error) {
    console.error(error);
    throw error;
  }
});
test.after(async () => {
  await api?.end("SIGTERM");
  await files?.remove();
  await namespace?.remove();
});

const shellWith = (environment: Record<string, string>): Promise<ClientShell> =>
  ClientShell.open({
    commands,
    port,
    identity: { kind: "netrc", username: "root", secret: PASSWORD },
    knowsScheme: true,
    environment: { ODIN_SCHEME: "https", ...environment },
  });

test(`O-1: ${NAME} speaks https, which is its default, to a server with a certificate`, async () => {
  const shell = await shellWith({ REQUESTS_CA_BUNDLE: join(files.path, "ca.pem") });
  const login = await shell.run("auth", "-u", "root", "-p", PASSWORD);
  assert.is(login.code, 0, login.output);
  assert.is(shell.token?.split(".").length, 3);
  const created = printedJson(await shell.run("create", "sst2")) as { id: string };
  assert.is(created.id, "sst2");
  const ping = printedJson(await shell.run("ping")) as { pipelines_root: string };
  assert.is(ping.pipelines_root, "/data/pipelines");
  await shell.close();
});

test(`O-1: ${NAME} does not trust a server whose authority it does not know, and sends it no password`, async () => {
  const shell = await shellWith({});
  const refused = await shell.run("auth", "-u", "root", "-p", PASSWORD);
  assert.is.not(refused.code, 0);
  assert.match(refused.output, /CERTIFICATE_VERIFY_FAILED/);
  assert.is(shell.token, undefined);
  await shell.close();
});

try {
  commands = await clientCommands(NAME);
} catch (error) {
  skip("file", `${NAME} cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
}
if (commands !== "") test.run();
