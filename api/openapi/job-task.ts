import { type Keys, type Shape, TASK_KEYS } from "../../crds/main-yml-keys.ts";
import { TASK } from "../../crds/task.ts";
import type { Json } from "./operation.ts";
import { TEXT } from "./schema-parts.ts";

/** A task of a job as it is written in `main.yml` (O-62): where one or several may be given, either may come. */
export const JOB_TASK: Json = {
  type: "object",
  required: ["id", "name"],
  description:
    "As it is written in main.yml, keys in camelCase; keys that are not written are absent, unknown ones are passed through.",
  properties: { id: { ...TEXT, description: "`<job id>--<task name>`." }, ...propertiesOf(TASK_KEYS, true) },
};

function propertiesOf(keys: Keys, described = false): Json {
  return Object.fromEntries(
    Object.entries(keys).map(([key, shape]) => {
      const description = described ? TASK.properties?.[key]?.description : undefined;
      return [key, { ...schemaOf(shape), ...(description === undefined ? {} : { description }) }];
    }),
  );
}

function schemaOf(shape: Shape): Json {
  switch (shape.kind) {
    case "text":
      return TEXT;
    case "integer":
      return { type: "integer" };
    case "mode":
      return { type: ["integer", "string"] };
    case "flag":
      return { type: "boolean" };
    case "list":
      return { type: "array", items: schemaOf(shape.item) };
    case "one or many": {
      const item = schemaOf(shape.item);
      return { anyOf: [item, { type: "array", items: item }] };
    }
    case "object":
      return { type: "object", properties: propertiesOf(shape.keys) };
    case "free":
    case "texts":
      return { type: "object" };
    case "selector":
    case "outputs":
      return { type: ["object", "array"] };
  }
}
