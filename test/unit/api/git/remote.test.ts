import { createServer } from "node:http";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { branchValue, identityValue, remoteCredential, remoteValue } from "../../../../api/git/remote.ts";
import { readApiSettings } from "../../../../api/settings.ts";
import { SettingProblem } from "../../../../settings/settings.ts";
import { RepositoryStage } from "./repository-stage.ts";

const test = suite("settings of the git remote");
const TOKEN = "token-that-nobody-may-see";

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SettingProblem) return error.message;
    throw error;
  }
  return "none";
}

test("O-270, O-105: addresses of remotes: no programs, no options, no passwords", () => {
  for (const good of [
    "https://git.example.org/jobs.git",
    "ssh://git@git.example.org:2222/jobs.git",
    "git@git.example.org:team/jobs.git",
    "/srv/git/jobs.git",
    "file:///srv/git/jobs.git",
  ]) {
    assert.is(remoteValue(good), good);
  }
  for (const bad of [
    "ext::sh -c id",
    "ext::sh",
    "--upload-pack=id",
    "https://user:secret@git.example.org/jobs.git",
    "https://token@git.example.org/jobs.git",
    "ftp://git.example.org/jobs.git",
    "fd::17/foo",
    "relative/path",
    "https://git.example.org/a\nb",
    "",
  ]) {
    assert.not.equal(
      problem(() => remoteValue(bad)),
      "none",
      bad,
    );
  }
});

test("O-270: names of branches and of committers", () => {
  for (const good of ["master", "main", "team/jobs-1.2"]) assert.is(branchValue(good), good);
  for (const bad of ["", "-x", "a..b", "a//b", "a/", "a.lock", ".a", "a/.b", "a b", "a:b", "a@{1}", "a^"]) {
    assert.not.equal(
      problem(() => branchValue(bad)),
      "none",
      bad,
    );
  }
  assert.is(identityValue(" Odin "), "Odin");
  for (const bad of ["a<b", "a\nb", " "]) {
    assert.not.equal(
      problem(() => identityValue(bad)),
      "none",
    );
  }
});

test("O-270: the settings of the repository, and what goes together", () => {
  const secret = "a secret of the tests, long enough for anything";
  const read = (env: Record<string, string>) => readApiSettings([], { ODIN_SECRET: secret, ...env });
  assert.is(read({ ODIN_FS_ROOT: "/jobs" }).git.directory, "/jobs");
  assert.is(read({ ODIN_FS_ROOT: "/jobs" }).renderPath, "/jobs/rendered");
  assert.is(read({ ODIN_REPOSITORY: "/var/lib/odin/jobs" }).git.directory, "/var/lib/odin/jobs");
  assert.is(read({ ODIN_MAX_UPLOAD: "1Mi" }).maxUploadBytes, 1024 * 1024);
  assert.is(read({ ODIN_MAX_UPLOAD: "10 MiB" }).maxUploadBytes, 10 * 1024 * 1024);
  assert.is(read({ ODIN_MAX_UPLOAD: "2000" }).maxUploadBytes, 2000);
  for (const [name, value] of [
    ["ODIN_MAX_UPLOAD", "much"],
    ["ODIN_MAX_UPLOAD", "0"],
    ["ODIN_MAX_UPLOAD", "1Gi"],
    ["ODIN_GIT_SYNC", "0"],
    ["ODIN_GIT_REMOTE", "ext::sh"],
    ["ODIN_PIPELINES_MAIN", "-x"],
    ["ODIN_GIT_EMAIL", "<x>"],
    ["ODIN_RENDER_PATH", "relative"],
    ["ODIN_GIT_TOKEN", TOKEN],
  ] as const) {
    const said = problem(() => read({ [name]: value }));
    assert.match(said, name);
    assert.not.match(said, TOKEN);
  }
  const address = `https://user:${TOKEN}@git.example.org/jobs.git`;
  const told = problem(() => read({ ODIN_GIT_REMOTE: address }));
  assert.match(told, /ODIN_GIT_TOKEN/);
  assert.not.match(told, TOKEN);
  const plain = problem(() => read({ ODIN_GIT_TOKEN: TOKEN, ODIN_GIT_REMOTE: "http://git.example.org/jobs.git" }));
  assert.match(plain, /https/);
});

test("a token goes to the remote in a header and shows nowhere else", async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(request.url?.startsWith("/moved") ? 302 : 403, { location: "http://127.0.0.1:1/elsewhere" });
    response.end("no");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const lines: string[] = [];
  const log = (fields: object, msg: string): void => {
    lines.push(`${JSON.stringify(fields)} ${msg}`);
  };
  const stage = await RepositoryStage.open();
  try {
    const remote = `http://127.0.0.1:${port}/jobs.git`;
    const credential = remoteCredential(remote, TOKEN);
    const repository = await stage.synced(remote, {
      credential,
      logger: { debug: log, info: log, warn: log, error: log },
    });
    assert.is(seen[0], `Basic ${Buffer.from(`git:${TOKEN}`).toString("base64")}`);
    const said = [...lines, JSON.stringify(repository.state())].join("\n");
    assert.match(said, /403/);
    for (const secret of [TOKEN, credential.authorization.slice(6)]) assert.not.ok(said.includes(secret), said);
    await repository.stop();
  } finally {
    await stage.close();
    await new Promise((done) => server.close(done));
  }
});

test.run();
