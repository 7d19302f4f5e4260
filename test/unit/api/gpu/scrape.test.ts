import { createPrivateKey } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ExporterAccess, openDirectly } from "../../../../api/gpu/direct.ts";
import { MAX_BODY_BYTES, type Scraped, ScrapeError, scrape } from "../../../../api/gpu/scrape.ts";
import { createAuthority, createCertificate } from "../../../../local/x509.ts";
import { until, within } from "../../../support/deadline.ts";
import { type Behaviour, Exporter, flood, silence, trickle } from "../../../support/exporter.ts";
import { gpu, line, memory, sampleText } from "../../../support/gpu-text.ts";

const test = suite("one scrape, on real sockets");
/** For what is not about time: nothing on this machine takes that long. */
const TIMEOUT_MS = 40_000;
const SHORT_MS = 400;
const never = new AbortController().signal;
let exporter: Exporter;

test.before(async () => {
  exporter = await Exporter.start("");
});
test.after(async () => {
  await exporter.stop();
});

function take(behaviour: Behaviour, access: ExporterAccess = {}, timeoutMs = TIMEOUT_MS): Promise<Scraped> {
  exporter.behaviour = behaviour;
  return within(60_000, () => scrape(openDirectly(exporter.url, access), timeoutMs, never));
}

/** How a scrape fails: result and message. Afterwards no connection is left open. */
async function failure(scraped: Promise<Scraped>): Promise<[string, string]> {
  try {
    await scraped;
  } catch (error) {
    if (!(error instanceof ScrapeError)) throw error;
    assert.not.match(error.message, "127.0.0.1");
    await until(() => exporter.open === 0, 60_000, { describe: "the connection is closed" });
    return [error.result, error.message];
  }
  throw new Error("the scrape succeeded");
}

test("G-1, G-3: the text is read whatever content type it is said to have", async () => {
  for (const type of ["text/plain; charset=utf-8", "application/openmetrics-text", "text/html", undefined]) {
    const { rows } = await take((_request, response) => {
      if (type !== undefined) response.setHeader("content-type", type);
      response.end(sampleText("dcgm-4gpu"));
    });
    assert.is(rows.length, 4);
  }
  assert.is(exporter.headers["accept-encoding"], "identity");
  assert.is(exporter.headers.authorization, undefined);
});

test("F-43, G-33: a text that comes in pieces, cut inside a character", async () => {
  const text = Buffer.from(memory(gpu(0, { modelName: "Ä".repeat(50) }), 1, 2));
  const { rows } = await take((_request, response) => {
    const send = (at: number): void => {
      if (at >= text.length) response.end();
      else response.write(text.subarray(at, at + 7), () => setImmediate(send, at + 7));
    };
    send(0);
  });
  assert.equal(
    rows.map(({ modelName }) => modelName),
    ["Ä".repeat(50)],
  );
});

test("F-43, G-32: two seconds are for everything: no answer, no body, a trickle, no end", async () => {
  const head: Behaviour = (_request, response) => response.flushHeaders();
  const noEnd: Behaviour = (_request, response) => void response.write(sampleText("dcgm-4gpu"));
  for (const behaviour of [silence, head, trickle(20), noEnd]) {
    const [result, message] = await failure(take(behaviour, {}, SHORT_MS));
    assert.equal([result, message], ["timeout", "did not answer completely within 0.4 s"]);
  }
});

test("G-32: only a 200 counts; redirects are not followed", async () => {
  const before = exporter.requests;
  for (const [status, words] of [
    [500, /HTTP 500$/],
    [503, /HTTP 503$/],
    [404, /HTTP 404$/],
    [204, /HTTP 204/],
    [206, /HTTP 206/],
    [401, /HTTP 401; it wants a credential/],
    [302, /HTTP 302; redirects are not followed/],
    [307, /HTTP 307; redirects are not followed/],
  ] as const) {
    const [result, message] = await failure(
      take((_request, response) => {
        response.writeHead(status, { location: exporter.url.href });
        response.end(status === 204 ? undefined : sampleText("dcgm-4gpu"));
      }),
    );
    assert.is(result, "http");
    assert.match(message, words);
  }
  assert.is(exporter.requests - before, 8);
});

test("F-43, G-32: a body above the limit fails as a whole, and reading it stops", async () => {
  const known = memory(gpu(0), 1, 2);
  const [result, message] = await failure(take(flood(known.repeat(500), 100 * 1024 * 1024)));
  assert.equal([result, message], ["too_large", "sent more than 8 MiB"]);
});

test("G-32: 160,000 foreign series below the limit do no harm", async () => {
  const foreign = 'node_cpu_seconds_total{cpu="12",mode="idle"} 1.5\n'.repeat(80_000);
  assert.ok(2 * foreign.length < MAX_BODY_BYTES);
  const { rows, skippedLines } = await take(foreign + sampleText("dcgm-mig") + foreign);
  assert.equal([rows.length, skippedLines], [3, 0]);
});

test("G-32: more rows than a node can have", async () => {
  const text = Array.from({ length: 1025 }, (_, index) => memory(gpu(index), 0, 1)).join("");
  assert.equal(await failure(take(text)), ["too_large", "sent more than 1024 GPUs"]);
});

test("G-33: a text without a GPU is no result: empty, comments, HTML, zeros, half a line", async () => {
  const texts = [
    "",
    "# HELP DCGM_FI_DEV_FB_USED x\n# TYPE DCGM_FI_DEV_FB_USED gauge\n",
    "<html><body>OK</body></html>",
    "\0".repeat(5_000),
    'DCGM_FI_DEV_FB_USED{gpu="0",UUI',
    "go_goroutines 5\n",
  ];
  for (const text of texts) assert.is((await failure(take(text)))[0], "parse", text.slice(0, 30));
});

test("G-34: a compressed answer, one that is cut off, a reset, something that is not HTTP", async () => {
  const compressed = await failure(
    take((_request, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(sampleText("dcgm-4gpu")));
    }),
  );
  assert.equal(compressed, ["http", "sent a compressed answer, which was not asked for"]);
  const cut = await failure(
    take((_request, response) => {
      response.setHeader("content-length", 100_000);
      response.write(sampleText("dcgm-4gpu"));
      setTimeout(() => response.destroy(), 20);
    }),
  );
  assert.is(cut[0], "refused");
  const chunked = await failure(
    take((_request, response) => {
      response.write(sampleText("dcgm-4gpu"));
      setTimeout(() => response.destroy(), 20);
    }),
  );
  assert.is(chunked[0], "refused");
  const reset = await failure(take((request) => request.socket.resetAndDestroy()));
  assert.match(reset.join(" "), /^refused could not be reached, or broke off \(ECONNRESET\)$/);
  const headers = await failure(
    take((_request, response) => {
      response.setHeader("x-long", "x".repeat(100_000));
      response.end(sampleText("dcgm-4gpu"));
    }),
  );
  assert.is(headers[0], "http");
  for (const bytes of ["SSH-2.0-OpenSSH_9.2\r\n", "\u0000\u0001\u0002\r\n\r\n", "HTTP/1.1 abc\r\n\r\n"]) {
    const server = await plainServer((socket) => socket.end(bytes));
    const url = new URL(`http://127.0.0.1:${server.port}/metrics`);
    assert.is((await failure(scrape(openDirectly(url, {}), TIMEOUT_MS, never)))[0], "http", bytes);
    await server.stop();
    // The port is closed now.
    assert.is((await failure(scrape(openDirectly(url, {}), TIMEOUT_MS, never)))[0], "refused");
  }
});

test("G-34: a fault of ours while reading is a failed scrape like others", async () => {
  const broken = async (): Promise<AsyncIterable<Buffer>> => {
    throw new TypeError("x is not a function");
  };
  assert.equal(await failure(scrape(broken, TIMEOUT_MS, never)), ["other", "could not be read: x is not a function"]);
});

test("G-31: a scrape ends at once when it is no longer wanted", async () => {
  exporter.behaviour = silence;
  const stopped = new AbortController();
  const running = scrape(openDirectly(exporter.url, {}), 60_000, stopped.signal);
  await until(() => exporter.open === 1, 60_000, { describe: "the exporter is asked" });
  stopped.abort();
  await within(20_000, () => failure(running));
});

test("G-30: basic auth; a credential that is not taken is asked for again", async () => {
  let given = "Basic b2xk";
  let refused = 0;
  const access: ExporterAccess = {
    authorization: {
      header: async () => given,
      refused: () => {
        refused++;
        given = "Basic bmV3";
      },
    },
  };
  const guarded: Behaviour = (request, response) => {
    response.statusCode = request.headers.authorization === "Basic bmV3" ? 200 : 401;
    response.end(sampleText("dcgm-mig"));
  };
  assert.is((await failure(take(guarded, access)))[0], "http");
  assert.is(refused, 1);
  assert.is((await take(guarded, access)).rows.length, 3);
});

test("G-30: HTTPS with an authority of one's own; nothing is sent where the certificate does not fit", async () => {
  const authority = createAuthority("exporters");
  const { certificate: ca } = authority;
  const { certificate: cert, key } = createCertificate(authority, createPrivateKey(authority.key), {
    commonName: "dcgm-exporter",
    usages: ["serverAuth"],
    dnsNames: ["dcgm.internal"],
  });
  const secured = await Exporter.start(sampleText("dcgm-mig"), { tls: { cert, key } });
  const ask = (access: ExporterAccess) => scrape(openDirectly(secured.url, access), TIMEOUT_MS, never);
  try {
    const { rows } = await ask({ ca, serverName: "dcgm.internal" });
    assert.is(rows.length, 3);
    const before = secured.requests;
    for (const access of [{}, { ca }, { ca, serverName: "other.internal" }]) {
      const [result, message] = await failure(ask(access));
      assert.is(result, "refused");
      assert.match(message, /certificate/);
    }
    assert.is(secured.requests, before);
  } finally {
    await secured.stop();
  }
});

test("G-33: dropped values and skipped lines are counted", async () => {
  const { skippedLines, droppedValues } = await take(
    `${line("DEV_GPU_UTIL", gpu(0), 4294967295)}${memory(gpu(0), 1, 2)}DCGM_FI_DEV_FB_USED{a="b"c"} 1\n`,
  );
  assert.equal([skippedLines, droppedValues], [1, 1]);
});

async function plainServer(onSocket: (socket: Socket) => void): Promise<{ port: number; stop(): Promise<void> }> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => onSocket(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    stop: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

test.run();
