import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../../local/command.ts";
import { until } from "../../support/deadline.ts";
import { Exporter } from "../../support/exporter.ts";
import { sampleText } from "../../support/gpu-text.ts";
import { CLIENT_ENVIRONMENT, type ClientPackage, clientCommands } from "../../support/odin-clients.ts";
import { type OdinProcess, operatorProcess } from "../../support/odin-process.ts";
import { skip } from "../../support/skip.ts";
import { SST2_FILES } from "../api/acceptance-world.ts";
import { FacadeStage } from "../api/facade-stage.ts";
import { GpuWorld } from "../api/gpu-world.ts";
import { endPod, startPod } from "../api/played-pod.ts";
import { type ClientOutcome, ClientShell, type Identity, plain, printedJson } from "./client-shell.ts";

/** One generation of the clients, and where it differs from the others. */
export interface Generation {
  name: ClientPackage;
  /** Whether ODIN_SCHEME is known. */
  knowsScheme: boolean;
  /** Whether `odin-run` takes values for templates. */
  sendsContext: boolean;
  /** Whether `odin-logs` and `odin-ping` ask the server; older ones read pods themselves and ping a websocket. */
  asksForLogs: boolean;
}

/** Prints the installed files of a distribution that are not what the package says they are. */
const CHANGED_FILES = `
import base64, hashlib, importlib.metadata, sys
files = importlib.metadata.files(sys.argv[1])
assert any(file.suffix == ".py" for file in files)
for file in files:
    if file.hash is None or "dist-info" in str(file) or "bin/" in str(file):
        continue
    digest = hashlib.new(file.hash.mode, file.locate().read_bytes()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
        print(file)
`;
const PERSON = "person";
const PASSWORD = "per-sons.own_secret!";
const WORLD = GpuWorld.newId();
/** A look starts a client; and an exporter that did not answer in time is asked again after 15 s, then after 30 s more. */
const WAIT_MS = 180_000;

/**
 * Makes and runs the suite in which the unmodified clients of a generation do a person's work against a server whose reads are
 * closed. Where they cannot be had the file is skipped with the reason.
 */
export async function tellClientStory(generation: Generation): Promise<void> {
  let commands: string;
  try {
    commands = await clientCommands(generation.name);
  } catch (error) {
    skip("file", `${generation.name} cannot be installed: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  clientSuite(generation, commands);
}

function clientSuite({ name, knowsScheme, sendsContext, asksForLogs }: Generation, commands: string): void {
  const test = suite(`the clients of ${name}`);
  let stage: FacadeStage;
  let operator: OdinProcess | undefined;
  let shell: ClientShell;
  let gpus: GpuWorld | undefined;
  let exporter: Exporter | undefined;
  let id = "";

  const shellOf = (identity: Identity): Promise<ClientShell> =>
    ClientShell.open({ commands, port: stage.port, identity, knowsScheme });
  const worked = (outcome: ClientOutcome): ClientOutcome => {
    assert.is(outcome.code, 0, outcome.output);
    return outcome;
  };
  const launched = (outcome: ClientOutcome): string =>
    (printedJson(worked(outcome)) as { pipeline: { id: string } }).pipeline.id;

  test.before(async () => {
    stage = await FacadeStage.open({ ODIN_PUBLIC_READS: "none", ODIN_ADMINS: PERSON, ...GpuWorld.settings(WORLD) });
    try {
      gpus = new GpuWorld(stage.client, stage.namespace, WORLD);
      await stage.call("POST", "/v1/users", { user: { username: PERSON, password: PASSWORD } });
      operator = operatorProcess(stage.namespace);
      shell = await shellOf({ kind: "netrc", username: PERSON, secret: PASSWORD });
    } catch (error) {
      console.error(error);
      throw error;
    }
  });
  test.after(async () => {
    await gpus?.close();
    await exporter?.stop();
    await operator?.end("SIGTERM");
    await shell?.close();
    await stage?.close();
  });

  test(`O-242: ${name} is as it was published, and works on this Python with the moved names given back`, async () => {
    const changed = await run(join(commands, "python"), ["-c", CHANGED_FILES, name.replace(/-[\d.]+$/, "")]);
    assert.is(changed.trim(), "");
    const restored =
      "import collections, collections.abc as abc; print(collections.MutableMapping is abc.MutableMapping)";
    const printed = await run(join(commands, "python"), ["-c", restored], { env: CLIENT_ENVIRONMENT });
    assert.is(printed.trim(), "True");
  });

  test(`O-240, O-294: odin-auth of ${name} keeps a token, and none after a wrong password`, async () => {
    const wrong = await shell.run("auth", "--username", PERSON, "--password", "wrong password");
    assert.is.not(wrong.code, 0, wrong.output);
    assert.is(shell.token, undefined);
    const right = worked(await shell.run("auth", "--username", PERSON, "--password", PASSWORD));
    assert.is(shell.token?.split(".").length, 3);
    assert.ok(right.output.includes(shell.token ?? "nothing"), right.output);
  });

  test(`O-240, O-24: odin-create of ${name} makes a job, with a netrc file`, async () => {
    const created = printedJson(worked(await shell.run("create", "nlp/sst2"))) as Record<string, unknown>;
    assert.equal([created.id, created.location], ["nlp/sst2", "/data/pipelines/nlp/sst2"]);
    const again = printedJson(await shell.run("create", "nlp/sst2")) as { status: number; detail: string };
    assert.is(again.status, 409, again.detail);
  });

  test(`O-240, O-24: odin-create of ${name} without a netrc file sends a broken credential, which is refused`, async () => {
    const byToken = await shellOf({ kind: "token" });
    worked(await byToken.run("auth", "-u", PERSON, "-p", PASSWORD));
    const refused = await byToken.run("create", "nlp/other");
    assert.is.not(refused.code, 0, refused.output);
    assert.is((await stage.call("GET", "/v1/jobs/nlp__other")).status, 404);
    await byToken.close();
  });

  test(`O-240, O-103: odin-push of ${name} uploads files, and says what is wrong with one`, async () => {
    for (const [file, text] of Object.entries(SST2_FILES)) {
      await writeFile(join(shell.directory, file), text);
      const pushed = printedJson(worked(await shell.run("push", "nlp/sst2", file))) as Record<string, unknown>;
      assert.is(pushed.bytes, Buffer.byteLength(text), JSON.stringify(pushed));
      assert.match(String(pushed.location), new RegExp(`^/data/pipelines/nlp/sst2/${file}@[0-9a-f]{40}$`));
    }
    await mkdir(join(shell.directory, "below"));
    await writeFile(join(shell.directory, "below/main.yml"), "tasks: [{name: a}]\n");
    const deep = printedJson(await shell.run("push", "nlp/sst2", "below/main.yml")) as { detail: string };
    assert.match(deep.detail, /--file_name/);
    const named = await shell.run("push", "nlp/sst2", "below/main.yml", "--file_name", "main.yml");
    const { status, detail } = printedJson(named) as { status: number; detail: string };
    assert.is(status, 422);
    assert.match(detail, /image/);
  });

  test(`O-240, O-101: odin-push -c of ${name} makes the job first, and takes a refusal for one`, async () => {
    const push = (): Promise<ClientOutcome> => shell.run("push", "fresh", "sst2.yml", "-c");
    const { location } = printedJson(worked(await push())) as { location: string };
    assert.match(location, /^\/data\/pipelines\/fresh\/sst2.yml@/);
    assert.match((await push()).output, /Failed tor create a new job/);
  });

  test(`O-240, O-24: odin-run of ${name} starts a run; a netrc file stands for the token`, async () => {
    id = launched(await shell.run("run", "nlp/sst2"));
    assert.match(id, /^sst2-[0-9a-z]{8}j$/);
  });

  if (sendsContext) {
    test(`O-240: odin-run of ${name} sends values for templates`, async () => {
      const other = launched(await shell.run("run", "nlp/sst2", "--x:epochs", "3", "--x:name", "ann"));
      assert.equal((await stage.run(other)).spec.context, { epochs: 3, name: "ann" });
      worked(await shell.run("cleanup", other, "-d"));
    });
  }

  test(`O-240: odin-status of ${name} follows the run from RUNNING to DONE`, async () => {
    await startPod(stage, `${id}--sst2`);
    const running = await until(() => shell.run("status", id), WAIT_MS, {
      describe: "the status shows the run's tasks at work",
      accept: (outcome) => /executing/.test(outcome.output),
    });
    assert.match(plain(worked(running)), new RegExp(`${id} --> RUNNING`));
    assert.match(plain(running), new RegExp(`${id}--sst2 +\\| executing`));
    assert.match(plain(running), new RegExp(`${id}--after +\\| waiting`));
    assert.match(plain(worked(await shell.run("status", "nobody-has-this"))), /^\s*$/);
    // Clients put what they are given into the address as it is (O-241).
    assert.match(plain(worked(await shell.run("status", "SST2-*j"))), new RegExp(`${id} --> RUNNING`));
    assert.match(plain(worked(await shell.run("status", "a b+c"))), /^\s*$/);
  });

  test(`O-240, O-222: odin-events of ${name} has something to tell of a run and of a task that waits`, async () => {
    assert.match(worked(await shell.run("events", id)).output, /running 2 tasks of job nlp\/sst2/);
    assert.match(worked(await shell.run("events", `${id}--after`)).output, /waiting for sst2/);
  });

  test(`O-240: odin-data of ${name} prints the record`, async () => {
    const { jobs } = printedJson(worked(await shell.run("data", id))) as { jobs: { status: string; jobs: string[] } };
    assert.equal([jobs.status, jobs.jobs], ["RUNNING", [`${id}--sst2`, `${id}--after`]]);
  });

  if (asksForLogs) {
    test(`O-240, O-223: odin-logs of ${name} prints the log`, async () => {
      const { output } = worked(await shell.run("logs", id));
      assert.match(output, new RegExp(`^={16}\\n${id}--sst2\\n-{16}\\n`));
      assert.not.match(output, /Failed to get log/);
    });

    test(`O-240, O-63: odin-ping of ${name} asks the server about itself`, async () => {
      const app = printedJson(worked(await shell.run("ping"))) as Record<string, unknown>;
      assert.is(app.pipelines_root, "/data/pipelines");
      assert.match(String(app.pipelines_version), /^[0-9a-f]{40}$/);
      assert.match(String(app.ws_server_status), /responsive/);
    });
  }

  test(`O-240: odin-status of ${name} shows the end`, async () => {
    await endPod(stage, `${id}--sst2`);
    await endPod(stage, `${id}--after`);
    const done = await until(() => shell.run("status", id), WAIT_MS, {
      describe: "the status shows DONE",
      accept: (outcome) => /DONE/.test(outcome.output),
    });
    assert.match(plain(done), /Finished +--> \d{4}-\d\d-\d\dT/);
    assert.match(plain(done), new RegExp(`${id}--after +\\| executed`));
  });

  test(`O-240, O-66: odin-cleanup of ${name} shows what went`, async () => {
    const { output } = worked(await shell.run("cleanup", id, "-d", "-f"));
    assert.match(output, /Results of this request/);
    assert.match(output, new RegExp(`${id} +\\| No +\\| Yes`));
    assert.match(output, new RegExp(`${id}--after +\\| (Yes|No) +\\| Yes`));
    assert.is((await stage.call("GET", `/v1/pipelines/${id}`)).status, 404);
  });

  test(`O-240, O-29: odin-user of ${name} creates and changes users`, async () => {
    const created = worked(await shell.run("user", "-u", "ann", "-p", "anns-password", "-f", "Ann", "-l", "Other"));
    assert.match(created.output, /Created new user/);
    assert.match(created.output, /"firstname": "Ann"/);
    const changed = worked(await shell.run("user", "-u", "ann", "-p", "anns-password", "-l", "Else"));
    assert.match(changed.output, /Found existing user/);
    assert.equal((await stage.call("GET", "/v1/users/ann")).json, {
      user: { username: "ann", firstname: "Ann", lastname: "Else" },
    });
  });

  test(`O-240, O-233: odin-gpus of ${name} lists GPUs, who uses them and which are free`, async () => {
    exporter = await Exporter.start(sampleText("dcgm-4gpu"));
    await gpus?.createNode("a-gpu", { gpus: 4 });
    await gpus?.createNode("b-plain");
    await gpus?.createExporter("exporter-a", { node: gpus.name("a-gpu"), ip: "127.0.0.1", port: exporter.port });
    const { output } = await until(() => shell.run("gpus"), WAIT_MS, {
      describe: "four GPUs are listed",
      accept: (outcome) => outcome.code === 0 && outcome.output.split("a-gpu").length === 5,
    });
    assert.match(output, /a-gpu +\| 43 .*\| NO +\|.*team-a\/jupyter-0/);
    assert.match(output, /a-gpu +\| 52 .*\| YES +\|/);
  });

  if (knowsScheme) {
    test(`O-260: what ${name} asks over a websocket is refused at once, in words`, async () => {
      for (const command of ["status", "show"]) {
        const refused = await shell.run(command, id, "--scheme", "ws");
        assert.is.not(refused.code, 0, refused.output);
        assert.match(refused.output, /HTTP 400/);
      }
    });
  }

  test(`O-241: an answer of 404 or 403 does not make ${name} forget its token`, async () => {
    const plainUser = await shellOf({ kind: "netrc", username: "ann", secret: "anns-password" });
    worked(await plainUser.run("auth", "-u", "ann", "-p", "anns-password"));
    const { token } = plainUser;
    const unknown = await plainUser.run("cleanup", "sst2-00000000j");
    assert.is.not(unknown.code, 0);
    const forbidden = await plainUser.run("user", "-u", "bob", "-p", "bobs-password");
    assert.match(forbidden.output, /Failed to create user/);
    assert.is(plainUser.token, token);
    await plainUser.close();
  });

  test(`O-25, O-240: ${name} replaces a token that is no longer good, given the password`, async () => {
    const byToken = await shellOf({ kind: "token" });
    await byToken.setToken(`${shell.token}AAA`);
    const refused = await byToken.run("run", "nlp/sst2");
    assert.is.not(refused.code, 0, refused.output);
    assert.is(byToken.token, undefined, "a refused token is dropped");
    const started = launched(await byToken.run("run", "nlp/sst2", "-u", PERSON, "-p", PASSWORD));
    assert.is(byToken.token?.split(".").length, 3);
    assert.is((await stage.run(started)).spec.user, PERSON);
    worked(await byToken.run("cleanup", started, "-d"));
    await byToken.close();
  });

  test(`O-24: ${name} works with the name and the token in ODIN_URL, or in a netrc file`, async () => {
    const token = stage.token;
    const byUrl = await shellOf({ kind: "url", username: PERSON, secret: PASSWORD });
    const byNetrc = await shellOf({ kind: "netrc", username: "dpressel", secret: token });
    for (const one of [byUrl, byNetrc]) {
      await one.setToken("what a refused login of another time left");
      const started = launched(await one.run("run", "nlp/sst2"));
      assert.match(worked(await one.run("status", started)).output, new RegExp(started));
      worked(await one.run("cleanup", started, "-d"));
      await one.close();
    }
  });

  test(`O-240, O-20: with open reads a token is all that ${name} needs`, async () => {
    await stage.start({ ODIN_ADMINS: PERSON });
    const byToken = await shellOf({ kind: "token" });
    worked(await byToken.run("auth", "-u", PERSON, "-p", PASSWORD));
    const { token } = byToken;
    await writeFile(join(byToken.directory, "more.txt"), "more\n");
    const pushed = printedJson(worked(await byToken.run("push", "nlp/sst2", "more.txt"))) as { bytes: number };
    assert.is(pushed.bytes, 5);
    const started = launched(await byToken.run("run", "nlp/sst2"));
    assert.match(worked(await byToken.run("status", started)).output, new RegExp(started));
    assert.match(worked(await byToken.run("events", started)).output, /timestamp/);
    assert.match(worked(await byToken.run("data", started)).output, /"success": true/);
    worked(await byToken.run("user", "-u", "cid", "-p", "cids-password"));
    assert.is((await stage.call("GET", "/v1/users/cid")).status, 200);
    assert.match(worked(await byToken.run("cleanup", started, "-d")).output, /Results of this request/);
    assert.is(byToken.token, token);
    await byToken.close();
  });

  test.run();
}
