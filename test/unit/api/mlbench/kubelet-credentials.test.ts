import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readKubelet } from "../../../../api/mlbench/collector/kubelet.ts";
import { KubeletCredentials } from "../../../../api/mlbench/collector/kubelet-credentials.ts";
import { KubeError } from "../../../../kube/errors.ts";
import { createAuthority, createCertificate } from "../../../../local/x509.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../../support/temporary-directory.ts";

const OWN = "Bearer our-own";
const HOUR_MS = 3_600_000;

/** A kubelet whose certificate somebody has signed, and what it was sent. */
interface Kubelet {
  port: number;
  /** All headers of each request. */
  seen: string[];
  status: number;
}

const test = suite("credentials for kubelets");
const servers: Server[] = [];
const clusterAuthority = createAuthority("the cluster's");
const strangeAuthority = createAuthority("a stranger's");
let place: TemporaryDirectory;
let caFile: string;

async function kubelet(authority: typeof clusterAuthority): Promise<Kubelet> {
  const signed = createCertificate(authority, createPrivateKey(authority.key), {
    ...{ commonName: "node", usages: ["serverAuth"], addresses: ["127.0.0.1"] },
  });
  const made: Kubelet = { port: 0, seen: [], status: 200 };
  const server = createServer({ key: signed.key, cert: signed.certificate }, (request, response) => {
    made.seen.push(JSON.stringify(request.headers));
    response.writeHead(made.status).end("{}");
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  made.port = (server.address() as AddressInfo).port;
  return made;
}

interface Cluster {
  /** Paths of what was created. */
  created: string[];
  identity(): Promise<{ authorization: string; secureContext: ReturnType<typeof createSecureContext> }>;
  create<T>(path: string, body: unknown): Promise<T>;
}

/** An API server that gives tokens `token-1`, `token-2`, each good for so long, or refuses. */
function cluster(more: { lifeMs?: number; refusal?: Error } = {}): Cluster {
  const created: string[] = [];
  return {
    created,
    identity: async () => ({
      authorization: OWN,
      secureContext: createSecureContext({ ca: clusterAuthority.certificate }),
    }),
    async create<T>(path: string, body: unknown): Promise<T> {
      if (more.refusal !== undefined) throw more.refusal;
      created.push(path);
      assert.is((body as { kind: string }).kind, "TokenRequest");
      const expirationTimestamp = new Date(Date.now() + (more.lifeMs ?? HOUR_MS)).toISOString();
      return { status: { token: `token-${created.length}`, expirationTimestamp } } as T;
    },
  };
}

async function read({ port }: Kubelet, credentials: KubeletCredentials): Promise<string> {
  try {
    await readKubelet({ port, credentials }, "127.0.0.1", "/stats/summary", () => {}, new AbortController().signal);
    return "read";
  } catch (error) {
    return (error as Error).message;
  }
}

test.before(async () => {
  place = await temporaryDirectory();
  caFile = join(place.path, "ca.crt");
  await writeFile(caFile, strangeAuthority.certificate);
});
test.after(async () => {
  for (const server of servers) server.close();
  await place.remove();
});

const ACCOUNT = { namespace: "odin", name: "kubelets" };

test("M-61: our own credential goes to a kubelet that the cluster's authority vouches for, and to no other", async () => {
  const [real, fake] = [await kubelet(clusterAuthority), await kubelet(strangeAuthority)];
  const credentials = new KubeletCredentials({ client: cluster() });
  assert.is(credentials.areUnchecked, false);
  assert.is(await read(real, credentials), "read");
  assert.match(real.seen[0] ?? "", OWN);
  const said = await read(fake, credentials);
  assert.match(said, /certificate is not trusted .*--mlbench-kubelet-ca.*--mlbench-kubelet-account/);
  assert.equal(fake.seen, []);
});

test("M-61: with an authority of their own, kubelets are checked by it and by nothing else", async () => {
  const [real, fake] = [await kubelet(strangeAuthority), await kubelet(clusterAuthority)];
  for (const account of [undefined, ACCOUNT]) {
    const credentials = new KubeletCredentials({ client: cluster(), caFile, ...(account && { account }) });
    assert.is(credentials.areUnchecked, false);
    assert.is(await read(real, credentials), "read");
    assert.match(await read(fake, credentials), /certificate is not trusted/);
  }
  assert.match(real.seen[0] ?? "", OWN);
  assert.match(real.seen[1] ?? "", "Bearer token-1");
  assert.equal(fake.seen, []);
});

test("M-61, M-75: a kubelet whose certificate nobody checks gets the token of an account that may do nothing else, and nothing of ours", async () => {
  const fake = await kubelet(strangeAuthority);
  const client = cluster();
  const credentials = new KubeletCredentials({ client, account: ACCOUNT });
  assert.is(credentials.areUnchecked, true);
  assert.is(await read(fake, credentials), "read");
  assert.is(await read(fake, credentials), "read");
  assert.equal(client.created, ["/api/v1/namespaces/odin/serviceaccounts/kubelets/token"]);
  assert.is(fake.seen.length, 2);
  for (const headers of fake.seen) {
    assert.match(headers, '"authorization":"Bearer token-1"');
    assert.not.match(headers, "our-own");
  }
});

test("M-61: a token that is about to end, or that was refused, is made anew", async () => {
  const fake = await kubelet(strangeAuthority);
  const short = new KubeletCredentials({ client: cluster({ lifeMs: 60_000 }), account: ACCOUNT });
  for (const token of ["token-1", "token-2"]) {
    await read(fake, short);
    assert.match(fake.seen.at(-1) ?? "", token);
  }
  const client = cluster();
  const refused = new KubeletCredentials({ client, account: ACCOUNT });
  fake.status = 401;
  assert.match(await read(fake, refused), /HTTP 401; .*nodes\/stats/);
  fake.status = 200;
  assert.is(await read(fake, refused), "read");
  assert.match(fake.seen.at(-1) ?? "", "token-2");
});

test("M-61: where no token can be made, nothing is asked, and the reason is told; it is tried again", async () => {
  const fake = await kubelet(strangeAuthority);
  const refusal = new KubeError({ code: 403, reason: "Forbidden", category: "forbidden", message: "no right" });
  const more: { refusal?: Error } = { refusal };
  const client = cluster(more);
  const credentials = new KubeletCredentials({ client, account: ACCOUNT });
  assert.is(await read(fake, credentials), "no token of the service account kubelets in odin could be made: no right");
  assert.equal(fake.seen, []);
  delete more.refusal;
  assert.is(await read(fake, credentials), "read");
});

test.run();
