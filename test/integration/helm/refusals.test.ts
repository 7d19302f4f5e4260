// timeout: 1500
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHART, helm } from "../../support/helm.ts";

const LOGIN = ["--set", "auth.existingSecret=login"];
const POSTGRES = "store.kind=postgres,store.postgres.url=postgres://odin@db:5432/odin";
const REMOTE = "jobs.git.remote=https://git.example.org/jobs.git";

/** Values that do not go together, and what is said of them. */
const TOGETHER: readonly [set: string, sentence: RegExp][] = [
  ["combined=true,clusterWide=true", /combined with clusterWide: .*set combined=false/],
  ["api.replicas=2", /store.kind=embedded with api.replicas=2: .*set api.replicas=1, or store.kind=postgres/],
  ["store.embedded.persistent=false", /store.embedded.persistent=false: .*set combined=true/],
  ["store.kind=postgres", /store.kind=postgres without store.postgres.url/],
  ["store.postgres.url=postgres://odin@db/odin", /the database would not be used; set store.kind=postgres/],
  [`${POSTGRES},store.postgres.caKey=ca.crt`, /store.postgres.caKey without store.postgres.existingSecret/],
  ["store.kind=none,store.logs.url=s3://b,store.logs.keyId=k,store.logs.existingSecret=s", /with store.kind=none/],
  ["store.logs.url=s3://bucket", /store.logs.url without store.logs.keyId or store.logs.existingSecret/],
  ["jobs.persistent=false", /jobs.persistent=false without jobs.git.remote/],
  [`${POSTGRES},api.replicas=2`, /jobs.accessMode=ReadWriteOnce with api.replicas=2/],
  ["jobs.git.tokenSecret=t", /without jobs.git.remote: name the remote/],
  [`${REMOTE},jobs.git.tokenSecret=t,jobs.git.sshSecret=s`, /a remote takes one of them/],
  ["jobs.git.remote=git@h:j.git,jobs.git.tokenSecret=t", /tokens are for https/],
  [`${REMOTE},jobs.git.sshSecret=s`, /keys are for ssh/],
  ["jobs.git.remote=https://u:p@h/j.git", /jobs.git.remote with a password in it/],
  ["gpus.via=apiserver,gpus.authSecret=a/b", /gpus.authSecret with gpus.via=apiserver/],
  ["api.ingress.enabled=true,api.ingress.tlsSecret=t", /without api.ingress.hosts/],
  ["api.ingress.enabled=true,api.ingress.hosts={a.example.org}", /without api.ingress.tlsSecret/],
  ["api.httpRoute.enabled=true", /without api.httpRoute.parentRefs/],
  [
    "api.ingress.enabled=true,api.ingress.hosts={a.example.org},api.ingress.tlsSecret=t",
    /name the namespace of the controller or gateway in networkPolicy.apiFrom.namespaces/,
  ],
  ["api.service.type=LoadBalancer", /api.service.type=LoadBalancer with networkPolicy.enabled/],
  ["operator.serviceAccount.create=false", /operator.serviceAccount.create=false without operator.serviceAccount.name/],
  ["api.serviceAccount.create=false", /api.serviceAccount.create=false without api.serviceAccount.name/],
  [
    "operator.serviceAccount.name=one,api.serviceAccount.name=one",
    /operator.serviceAccount.name is api.serviceAccount.name/,
  ],
];

/** Values that are none, by the schema. */
const ALONE: readonly [set: string, place: RegExp][] = [
  ["replicas=2", /replicas/],
  ["api.replica=2", /replica/],
  ["api.replicas=0", /replicas/],
  ["operator.shards=65", /shards/],
  ["store.kind=mysql", /kind/],
  ["tasks.kinds={CronJob}", /kinds/],
  ["operator.settings.ODIN_RETRY_PAUZE=20", /ODIN_RETRY_PAUZE/],
  ["api.settings.ODIN_SECRET=x", /ODIN_SECRET/],
  ["operator.settings.ODIN_STORE=none", /ODIN_STORE/],
  ["podSecurity.runAsUser=0", /runAsUser/],
];

/** Texts that look wrong, and what is said of them. */
const SHAPES: readonly [set: string, sentence: RegExp][] = [
  [
    "store.kind=postgres,store.postgres.url=postgres://odin:hidden@db/odin",
    /^store\.postgres\.url must be like .*without the password/m,
  ],
  ["image.digest=latest", /^image\.digest=latest must be sha256: and 64/m],
  ["image.repository=", /^image\.repository= must be registry and name/m],
  ["jobs.size=5GB", /^jobs\.size=5GB must be a size .*like 5Gi/m],
  ["auth.existingSecret=My_Secret", /^auth\.existingSecret=My_Secret must be the name of an object/m],
  [
    "networkPolicy.apiServer.cidrs={10.0.0.0/8,10.0.0.1}",
    /^networkPolicy\.apiServer\.cidrs=10\.0\.0\.1 must be .*10\.0\.0\.1\/32/m,
  ],
  ["api.ingress.hosts={https://odin.example.org}", /^api\.ingress\.hosts=https:.* without https:\/\//m],
  ["gpus.authSecret=exporters", /^gpus\.authSecret=exporters must be the Secret's namespace and name/m],
  ["sharedVolume.mountPath=data", /^sharedVolume\.mountPath=data must be an absolute path/m],
  ["metrics.podMonitor.interval=often", /^metrics\.podMonitor\.interval=often must be a number with ms, s, m or h/m],
];

const refusals = suite("values that the chart refuses");
for (const [set, sentence] of TOGETHER) {
  refusals(`${set} is refused with a sentence`, async () => {
    const { exitCode, stderr } = await helm(["template", "odin", CHART, ...LOGIN, "--set", set]);
    assert.is(exitCode, 1, stderr);
    assert.match(stderr, sentence);
  });
}
for (const [set, place] of ALONE) {
  refusals(`${set} is refused by the schema`, async () => {
    const { exitCode, stderr } = await helm(["template", "odin", CHART, ...LOGIN, "--set", set]);
    assert.is(exitCode, 1, stderr);
    assert.match(stderr, /values don't meet the specifications of the schema/);
    assert.match(stderr, place);
  });
}

for (const [set, sentence] of SHAPES) {
  refusals(`${set} is refused with a sentence that says what it must be`, async () => {
    const { exitCode, stderr } = await helm(["template", "odin", CHART, ...LOGIN, "--set", set]);
    assert.is(exitCode, 1, stderr);
    assert.match(stderr, sentence);
    assert.not.match(stderr, /hidden/);
  });
}

refusals("without a Secret a render that cannot see the cluster is refused: each would make another key", async () => {
  const { exitCode, stderr } = await helm(["template", "odin", CHART]);
  assert.is(exitCode, 1);
  assert.match(stderr, /auth.existingSecret is not set, and this render cannot see the cluster/);
});

refusals("everything that is wrong is told at once", async () => {
  const { stderr } = await helm(["template", "odin", CHART, "--set", "api.replicas=2,jobs.persistent=false"]);
  for (const part of [/store.kind=embedded with/, /jobs.persistent=false without/, /auth.existingSecret is not set/])
    assert.match(stderr, part);
});
refusals.run();
