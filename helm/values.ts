import { TASK_KINDS } from "../crds/task-kinds.ts";
import { accountValues, podValues } from "./pod-values.ts";
import { settingsValue } from "./settings-values.ts";
import {
  ADDRESS_RANGE,
  ALERT_PAGE,
  BUCKET_URL,
  DIGEST,
  FULL_NAME_OVERRIDE,
  HOST,
  INTERVAL,
  NAME_OVERRIDE,
  NAME_SHAPE,
  NAMESPACED_NAME,
  PATH,
  POSTGRES_URL,
  REPOSITORY,
  SECRET_KEY,
  SECRET_KEY_OR_NONE,
  USER_NAME,
  VOLUME_SIZE,
} from "./shape.ts";
import {
  choice,
  flag,
  integer,
  listPassedOn,
  objectName,
  passedOn,
  section,
  text,
  textMap,
  texts,
  type Values,
} from "./value.ts";

const CLAIM: Values = {
  existingClaim: objectName("A claim that is there already, instead of one that the chart makes."),
  storageClass: objectName("Class of the volume. Left out: the cluster's default."),
  accessMode: choice("How many nodes may mount it at a time.", "ReadWriteOnce", ["ReadWriteOnce", "ReadWriteMany"]),
  annotations: textMap("Annotations of the claim."),
};

/** Every value of the chart. `values.yaml`, `values.schema.json` and the reference page are made from it. */
export const VALUES: Values = {
  nameOverride: text("Name of the chart in the names of objects, instead of `odin`.", "", NAME_OVERRIDE),
  fullnameOverride: text("What the names of all objects begin with.", "", FULL_NAME_OVERRIDE),
  commonLabels: textMap("Further labels of all objects."),
  clusterWide: flag(
    "Run the Pipelines of all namespaces, not only those of the release's own. The REST API stays with the release's namespace.",
    false,
  ),
  combined: flag(
    "One pod that runs the operator and the API in one process, for a small installation: `operator.replicas` and `api.replicas` do not count then, and what is said of pods is taken from `api`.",
    false,
  ),
  image: section("The image of the operator and the API.", {
    repository: text("Registry and name.", "odin", REPOSITORY),
    tag: text("Tag. Left out: the chart's `appVersion`."),
    digest: text("Digest, which goes before the tag.", "", DIGEST),
    pullPolicy: choice("When it is pulled.", "IfNotPresent", ["IfNotPresent", "Always", "Never"]),
    pullSecrets: texts(
      "Secrets for pulling it. The pods of tasks, and those that remove files, have those of `settings.ODIN_PULL_SECRETS`.",
      [],
      NAME_SHAPE,
    ),
  }),
  crds: section("The definitions of Jobs and Pipelines.", {
    install: flag("Install and upgrade them with the release. Only one release of a cluster can.", true),
    keep: flag("Leave them, and with them all Jobs and Pipelines, when the release is uninstalled.", true),
  }),
  keepData: flag(
    "Leave the volumes and the Secret with the key and the root user's password when the release is uninstalled.",
    true,
  ),
  userRoles: flag(
    "Let whoever has the cluster's roles `view`, `edit` or `admin` in a namespace view or edit its Jobs and Pipelines; makes objects of the whole cluster.",
    true,
  ),
  auth: section("Who may log in to the API.", {
    rootUser: text("Name of the first administrator.", "root", USER_NAME),
    existingSecret: objectName(
      "Secret with the key that signs tokens and the administrator's password. Left out: one is made at the first installation and never changed.",
    ),
    secretKey: text("Its key with the key that signs tokens, 32 bytes or more.", "secret", SECRET_KEY),
    previousSecretKey: text(
      "Its key with the key before the last rotation, if it has one; without it nothing is missing.",
      "previous-secret",
      SECRET_KEY,
    ),
    rootPasswordKey: text("Its key with the administrator's password, 8 bytes or more.", "root-password", SECRET_KEY),
  }),
  settings: settingsValue(
    "both",
    "Settings that the operator and the API have in common, by their environment variable, as in [settings](settings.md).",
  ),
  store: section("What keeps ended runs and their logs.", {
    kind: choice(
      "`embedded`: a file on a volume, which keeps all pods on one node; `postgres`: a PostgreSQL database; `none`: nothing is kept.",
      "embedded",
      ["embedded", "postgres", "none"],
    ),
    embedded: section("The file.", {
      persistent: flag("Keep it on a claim. If not, it goes with the pod; only for `combined`.", true),
      size: text("Size of the volume.", "5Gi", VOLUME_SIZE),
      ...CLAIM,
    }),
    postgres: section("The database.", {
      url: text(
        "Where it is, like `postgres://odin@db.example.org:5432/odin`, without the password.",
        "",
        POSTGRES_URL,
      ),
      existingSecret: objectName("Secret with the password."),
      passwordKey: text("Its key with the password.", "password", SECRET_KEY),
      caKey: text(
        "Its key with the certificate of the server's authority, in PEM. Left out: those that the image knows.",
        "",
        SECRET_KEY_OR_NONE,
      ),
    }),
    logs: section("A bucket for the texts of logs, which the store keeps otherwise.", {
      url: text(
        "Where it is, like `s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-west-1`.",
        "",
        BUCKET_URL,
      ),
      keyId: text("Id of the access key."),
      existingSecret: objectName("Secret with the access key."),
      key: text("Its key with the access key.", "key", SECRET_KEY),
    }),
  }),
  jobs: section("The repository of the jobs that are made over REST.", {
    persistent: flag("Keep it on a claim. If not, it goes with the pod and is fetched from `git.remote` again.", true),
    size: text("Size of the volume.", "5Gi", VOLUME_SIZE),
    ...CLAIM,
    git: section("A git remote that the jobs are fetched from and pushed to.", {
      remote: text("Its address. Left out: none."),
      tokenSecret: objectName("Secret with a token, or `user:token`, for a remote with https."),
      tokenKey: text("Its key with the token.", "token", SECRET_KEY),
      sshSecret: objectName("Secret with `ssh-privatekey` and `known_hosts`, for a remote with ssh."),
    }),
  }),
  sharedVolume: section("One volume for all tasks, the operator and the API, with the jobs and the runs on it.", {
    existingClaim: objectName("Its claim, ReadWriteMany. Left out: tasks get the files of their job from a snapshot."),
    mountPath: text("Where it is mounted everywhere.", "/data", PATH),
  }),
  tasks: section("What tasks may be.", {
    kinds: {
      help: "Kinds that tasks may be run as besides Pod and Job; what each needs must be installed in the cluster.",
      fallback: [],
      schema: {
        type: "array",
        uniqueItems: true,
        items: { type: "string", enum: TASK_KINDS.filter((kind) => kind !== "Pod" && kind !== "Job") },
      },
    },
    secrets: texts(
      "Names of the Secrets that the operator may look at, to see whether tasks may mount them. Left out: all. With it, a task that mounts another one waits, unless that is named in `settings.ODIN_TASK_SECRETS`.",
      [],
      NAME_SHAPE,
    ),
    serviceAccount: objectName("Service account of the tasks' pods, which must be there. Left out: they get no token."),
  }),
  gpus: section("How GPUs are found.", {
    nodes: flag("Show the nodes of the cluster at `/v1/nodes`; needs to list and watch nodes.", true),
    via: choice(
      "How the GPU exporters are asked: `pods`, at their addresses; `apiserver`, through its proxy; `none`.",
      "pods",
      ["pods", "apiserver", "none"],
    ),
    namespace: objectName(
      "Namespace of the exporters. Left out: all, which needs the right to list the pods of all namespaces.",
    ),
    authSecret: text("Secret with the exporters' username and password, as NAMESPACE/NAME_SHAPE.", "", NAMESPACED_NAME),
    port: integer("Port of the exporters, for the network policy.", 9400, 1, 65535),
  }),
  clockwork: section("The Clockwork API.", {
    namespaces: texts(
      "Namespaces whose pods are jobs. Left out: all but those of Kubernetes itself, which needs the right to watch the pods, Jobs and Pipelines of all namespaces.",
    ),
  }),
  mlbench: section("The MLBench API, which carries out benchmarks in sets of workers.", {
    enabled: flag(
      "Serve it. The API then makes StatefulSets and Services, and executes commands in pods of `mlbench.namespace`.",
      false,
    ),
    release: objectName("What the workers' label `release` says. Left out: the name of this release."),
    namespace: objectName("Namespace of the runs and their workers. Left out: that of this release."),
    nodeStats: flag(
      "Read from the kubelets what workers use; makes an account that may get `nodes/stats` in the whole cluster.",
      true,
    ),
    cadvisor: flag("Keep what the kubelets' cAdvisor says, too; that account may then get `nodes/metrics`.", false),
    privileged: flag("Give workers all rights on their node.", false),
    service: section("The Service by which clients find it, always at port 80 and over plain HTTP.", {
      type: choice("Its type.", "ClusterIP", ["ClusterIP", "NodePort"]),
      nodePort: integer("Its port on the nodes, for NodePort; 0: one that is free.", 0, 0, 65535),
    }),
  }),
  vesta: section("The view of all GPUs, for terminals, browsers and Slack.", {
    enabled: flag("Serve it.", true),
    validNetwork: text(
      "Who may look at it: addresses, networks and regular expressions, separated by commas. The default is `kubectl port-forward` alone.",
      "127.0.0.1",
    ),
    existingSecret: objectName(
      "Secret with what nobody is to see. What it does not have under one of the keys below is as in [settings](settings.md).",
    ),
    tokenKey: text("Its key with the token of machines that send their GPUs.", "token", SECRET_KEY),
    webhookKey: text("Its key with the address of an incoming webhook of Slack.", "slack-webhook", SECRET_KEY),
    botTokenKey: text("Its key with the token of a Slack bot.", "slack-bot-token", SECRET_KEY),
    signingSecretKey: text(
      "Its key with the secret that Slack signs its calls with.",
      "slack-signing-secret",
      SECRET_KEY,
    ),
    service: section("The port at which it is found besides that of the API, on the same Service.", {
      port: integer("The port; 0: none.", 8080, 0, 65535),
    }),
  }),
  operator: section("The operator, which runs the Pipelines.", {
    replicas: integer("Replicas: one works and the others stand by, or all work with `shards`.", 2, 1, 64),
    shards: integer("Parts that the replicas divide the runs into.", 1, 1, 64),
    watchNodes: flag("Watch the nodes, so that a task on a lost node is tried again elsewhere at once.", true),
    podDisruptionBudget: flag(
      "Leave at least one replica when nodes are drained; where all are on one node there is none.",
      true,
    ),
    serviceAccount: section("Its service account.", accountValues()),
    settings: settingsValue(
      "operator",
      "Its other settings, by their environment variable, as in [settings](settings.md).",
    ),
    ...podValues({ requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "1Gi" } }),
  }),
  api: section("The REST API.", {
    replicas: integer("Replicas. More than one need PostgreSQL.", 1, 1, 64),
    podDisruptionBudget: flag("With several replicas, leave at least one when nodes are drained.", true),
    serviceAccount: section("Its service account.", accountValues()),
    settings: settingsValue("api", "Its other settings, by their environment variable, as in [settings](settings.md)."),
    service: section("Its Service.", {
      type: choice("Its type.", "ClusterIP", ["ClusterIP", "NodePort", "LoadBalancer"]),
      port: integer("Its port.", 9003, 1, 65535),
      nodePort: integer("Its port on the nodes, for NodePort and LoadBalancer; 0: one that is free.", 0, 0, 65535),
      annotations: textMap("Its annotations."),
      loadBalancerSourceRanges: texts("Addresses that the load balancer takes requests from."),
    }),
    tls: section("HTTPS from the API itself.", {
      existingSecret: objectName(
        "Secret of type kubernetes.io/tls. A renewed certificate is taken up without a restart.",
      ),
    }),
    ingress: section("An Ingress.", {
      enabled: flag("Make one.", false),
      className: objectName("Its class."),
      annotations: textMap("Its annotations."),
      hosts: texts("Its host names.", [], HOST),
      tlsSecret: objectName("Secret with the certificate for the hosts."),
      insecure: flag("Do without a certificate: passwords and tokens then travel in clear.", false),
    }),
    httpRoute: section("An HTTPRoute of the Gateway API.", {
      enabled: flag("Make one.", false),
      annotations: textMap("Its annotations."),
      hosts: texts("Its host names.", [], HOST),
      parentRefs: listPassedOn("Its gateways; they end TLS."),
    }),
    ...podValues(
      { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "2Gi" } },
      " The limit is what the largest bodies, all at once and made for it, can use up; with less, callers can have the API killed.",
    ),
  }),
  podSecurity: section("Whom the pods run as. They hold to the `restricted` profile whatever is said here.", {
    runAsUser: integer("User.", 10001, 1, 4294967294),
    runAsGroup: integer("Group.", 10001, 1, 4294967294),
    fsGroup: integer("Group of the files on volumes.", 10001, 1, 4294967294),
  }),
  networkPolicy: section("Network policies: what is not named is refused.", {
    enabled: flag("Make them.", true),
    apiFrom: section("Who may speak to the API, besides the pods of the release's namespace.", {
      namespaces: texts("Names of namespaces, such as that of an ingress controller.", [], NAME_SHAPE),
      peers: listPassedOn("Others, as in a NetworkPolicy."),
    }),
    metricsFrom: listPassedOn("Who may read the metrics, as in a NetworkPolicy.", [
      { namespaceSelector: {}, podSelector: { matchLabels: { "app.kubernetes.io/name": "prometheus" } } },
    ]),
    apiServer: section("The Kubernetes API server, which no policy can name.", {
      ports: {
        help: "Its ports, before and behind its Service.",
        fallback: [443, 6443],
        schema: { type: "array", minItems: 1, items: { type: "integer", minimum: 1, maximum: 65535 } },
      },
      cidrs: texts("Its addresses. Left out: any.", [], ADDRESS_RANGE),
    }),
    dnsPeers: listPassedOn(
      "Where names are looked up, as in a NetworkPolicy: any pod, and the address that a cache on the node usually has. A cache of another address, or a server outside the cluster, is an `ipBlock` more.",
      [{ namespaceSelector: {} }, { ipBlock: { cidr: "169.254.20.10/32" } }],
    ),
    extraEgress: listPassedOn(
      "Further connections that the operator and the API may make, as egress rules of a NetworkPolicy.",
    ),
  }),
  metrics: section("Prometheus and Grafana.", {
    annotations: flag("Annotate the pods with `prometheus.io/scrape`, where no monitor is made.", true),
    podMonitor: section("A PodMonitor for the operator.", {
      enabled: flag("Make one; needs the Prometheus operator.", false),
      labels: textMap("Its labels."),
      interval: text("How often it is scraped.", "30s", INTERVAL),
    }),
    serviceMonitor: section("A ServiceMonitor for the API.", {
      enabled: flag("Make one; needs the Prometheus operator.", false),
      labels: textMap("Its labels."),
      interval: text("How often it is scraped.", "30s", INTERVAL),
    }),
    prometheusRule: section("A PrometheusRule with the alerts.", {
      enabled: flag("Make one; needs the Prometheus operator.", false),
      labels: textMap("Its labels."),
      runbookUrl: text(
        "Where people find the page of an alert, with `{alert}` in the place of its name, such as `https://git.example.org/odin/docs/runbook/{alert}.md`. Left out: `runbook_url` is the page's path within the project.",
        "",
        ALERT_PAGE,
      ),
    }),
    dashboard: section("A ConfigMap with the Grafana dashboard.", {
      enabled: flag("Make one.", false),
      labels: passedOn("Labels by which Grafana finds it.", { grafana_dashboard: "1" }),
      annotations: textMap("Its annotations, such as the folder."),
    }),
  }),
  admissionPolicy: section("Policies for what rules on single fields cannot say.", {
    enabled: flag("Make them; they are objects of the whole cluster.", true),
    failurePolicy: choice("What happens if one cannot be evaluated.", "Fail", ["Fail", "Ignore"]),
    pipelineUsers: flag(
      "Make the one by which nobody but the API, the operator and administrators names another user than himself in `spec.user` of a Pipeline, whose jobs Clockwork shows as that user's.",
      true,
    ),
    administrators: texts(
      "Groups that may do what the policies refuse, besides those who may give themselves any right.",
      [],
    ),
  }),
};
