import * as assert from "uvu/assert";
import { GitRemote } from "../../support/git-remote.ts";
import { taken } from "../../support/taken.ts";
import { type Answer, send } from "../../unit/api/served.ts";
import { FacadeStage } from "./facade-stage.ts";

/** The job of the acceptance steps: a training and what follows it. Nothing of it is ever pulled or run here. */
export const SST2_MAIN = `mead_image: &mead-gpu meadml/mead2-gpu:latest
claim_name: &claim_name data-rw-many
tasks:
  - name: sst2
    image: *mead-gpu
    command: mead-train
    args: ["--basedir", "\${RUN_PATH}/\${TASK_ID}", "--config", "\${WORK_PATH}/\${TASK_NAME}.yml",
           "--datasets", "\${ROOT_PATH}/datasets.yml", "--embeddings", "\${ROOT_PATH}/embeddings.yml",
           "--logging", "\${ROOT_PATH}/logging.json", "--settings", "/data/mead-settings.json",
           "--reporting", "xpctl", "--xpctl:label", "\${TASK_ID}"]
    mount: {name: data, path: /data, claim: *claim_name}
    num_gpus: 1
  - name: after
    image: interactions/odin-ml:latest
    command: odin-chores
    depends: sst2
    args: ["$WORK_PATH/after.yml", "--label", "$TASK_ID"]
    mount: {name: data, path: /data, claim: *claim_name}
    pull_policy: Always
`;

/** The files of the job, by name. */
export const SST2_FILES = {
  "main.yml": SST2_MAIN,
  "sst2.yml": "dataset: SST2\nbatchsz: 50\ntrain:\n  epochs: 2\n  note: größer\n",
  "after.yml": "chores:\n- name: tell\n  type: print\n",
} as const;

/** What the arguments of a task of a run are once its variables are filled in. */
export const sst2Args = (id: string): string[] => [
  "--basedir",
  `/data/odin/${id}/${id}--sst2`,
  "--config",
  "/data/pipelines/sst2/sst2.yml",
  "--datasets",
  "/data/pipelines/datasets.yml",
  "--embeddings",
  "/data/pipelines/embeddings.yml",
  "--logging",
  "/data/pipelines/logging.json",
  "--settings",
  "/data/mead-settings.json",
  "--reporting",
  "xpctl",
  "--xpctl:label",
  `${id}--sst2`,
];

/** A facade with open reads whose jobs repository has a remote. */
export async function openAcceptance(
  env: Record<string, string> = {},
): Promise<{ stage: FacadeStage; remote: GitRemote; close: () => Promise<void> }> {
  const remote = await GitRemote.open();
  try {
    const stage = await FacadeStage.open({ ODIN_GIT_REMOTE: remote.url, ...env });
    return {
      stage,
      remote,
      close: async () => {
        await stage.close();
        await remote.remove();
      },
    };
  } catch (error) {
    console.error(error);
    await remote.remove();
    throw error;
  }
}

/** Uploads a file as curl does. */
export async function upload(stage: FacadeStage, job: string, name: string, text: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${stage.token}`, "content-type": "text/plain" };
  return await taken(() => send(stage.port, "POST", `/v1/jobs/${job}/files/${name}`, { headers, body: text }));
}

/** Makes the job of the acceptance steps over REST. */
export async function createSst2(stage: FacadeStage): Promise<void> {
  assert.is((await taken(() => stage.call("POST", "/v1/jobs", { job: { name: "sst2" } }))).status, 200);
  for (const [name, text] of Object.entries(SST2_FILES)) {
    const answer = await upload(stage, "sst2", name, text);
    assert.is(answer.status, 200, answer.text);
  }
}
