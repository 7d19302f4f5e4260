/**
 * What a text must look like. It is not a part of the schema, which could only show the pattern: the chart's own check says it in words.
 */
export interface Shape {
  /** In the syntax that JavaScript and Go share. */
  pattern: string;
  /** What goes behind "must be". */
  words: string;
  /** The message does not repeat what was given, for it may hold a password. */
  isDiscreet?: boolean;
}

const NAME = "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?";
const NAME_WORDS = "lower-case letters, digits, - and ., as in names of Kubernetes";

export const NAME_SHAPE: Shape = { pattern: `^${NAME}$`, words: `the name of an object: ${NAME_WORDS}` };
export const NAME_OR_NONE: Shape = { pattern: `^(${NAME})?$`, words: `the name of an object: ${NAME_WORDS}` };
export const SECRET_KEY: Shape = {
  pattern: "^[-._a-zA-Z0-9]+$",
  words: "a key within the Secret: letters, digits, -, _ and .",
};
export const SECRET_KEY_OR_NONE: Shape = { ...SECRET_KEY, pattern: "^[-._a-zA-Z0-9]*$" };
export const NAME_OVERRIDE: Shape = {
  pattern: "^([a-z]([-a-z0-9]{0,30}[a-z0-9])?)?$",
  words: "a letter, then lower-case letters, digits and -, 32 of them at most",
};
export const FULL_NAME_OVERRIDE: Shape = {
  pattern: "^([a-z]([-a-z0-9]{0,38}[a-z0-9])?)?$",
  words: "a letter, then lower-case letters, digits and -, 40 of them at most",
};
export const REPOSITORY: Shape = {
  pattern: "^[^\\s@]+$",
  words: "registry and name of the image, like registry.example.org/odin; tag and digest are values of their own",
};
export const DIGEST: Shape = { pattern: "^(sha256:[0-9a-f]{64})?$", words: "sha256: and 64 hexadecimal digits" };
export const USER_NAME: Shape = {
  pattern: "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$",
  words: "a name of letters, digits, ., _, @ and -, 64 at most",
};
export const VOLUME_SIZE: Shape = {
  pattern: "^[0-9]+(\\.[0-9]+)?([KMGTPE]i?)?$",
  words: "a size in bytes with one of Kubernetes' units, like 5Gi or 500M",
};
export const POSTGRES_URL: Shape = {
  pattern: "^(postgres(ql)?://[^:@/\\s]+@[^@\\s]+)?$",
  words:
    "like postgres://odin@db.example.org:5432/odin, with the user and without the password: that goes into a Secret, named by store.postgres.existingSecret",
  isDiscreet: true,
};
export const BUCKET_URL: Shape = {
  pattern: "^(s3://[^@\\s]+)?$",
  words: "like s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-west-1, without the access key",
  isDiscreet: true,
};
export const PATH: Shape = { pattern: "^/[^\\s:]+$", words: "an absolute path, like /data" };
export const NAMESPACED_NAME: Shape = {
  pattern: "^([a-z0-9-]+/[a-z0-9.-]+)?$",
  words: "the Secret's namespace and name, like monitoring/exporters",
};
export const HOST: Shape = {
  pattern: "^(\\*\\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
  words: "the name of a host alone, like odin.example.org, without https:// and path",
};
export const ADDRESS_RANGE: Shape = {
  pattern: "^[0-9a-fA-F.:]+/[0-9]{1,3}$",
  words: "a range of addresses, like 10.0.0.0/8; one address is 10.0.0.1/32",
};
export const INTERVAL: Shape = { pattern: "^[0-9]+(ms|s|m|h)$", words: "a number with ms, s, m or h, like 30s" };
export const ALERT_PAGE: Shape = {
  pattern: '^(https?://[^\\s"\\\\]*\\{alert\\}[^\\s"\\\\]*)?$',
  words: "an address with {alert} in it, like https://git.example.org/odin/docs/runbook/{alert}.md",
};
