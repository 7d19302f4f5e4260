import { GROUP, VERSION } from "./resources.ts";
import type { Kind, Schema } from "./schema.ts";

/** The schema as the API server wants it: without the keys that only our generator reads. */
function published(schema: Schema): Record<string, unknown> {
  const { typeName: _, properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(properties ? { properties: publishedProperties(properties) } : {}),
    ...(items ? { items: published(items) } : {}),
    ...(additionalProperties ? { additionalProperties: published(additionalProperties) } : {}),
  };
}

function publishedProperties(properties: Record<string, Schema>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, published(schema)]));
}

/** The CustomResourceDefinition of a kind, as a plain object (apiextensions.k8s.io/v1). */
export function customResourceDefinition(kind: Kind): Record<string, unknown> {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${kind.plural}.${GROUP}`,
      labels: { "app.kubernetes.io/name": "odin", "app.kubernetes.io/part-of": "odin" },
    },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ["odin"],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          schema: {
            openAPIV3Schema: {
              type: "object",
              description: kind.summary,
              required: ["spec"],
              properties: {
                apiVersion: { type: "string", description: `Always \`${GROUP}/${VERSION}\`.` },
                kind: { type: "string", description: `Always \`${kind.kind}\`.` },
                metadata: { type: "object" },
                spec: published(kind.spec),
                status: published(kind.status),
              },
              ...(kind.rules.length > 0 ? { "x-kubernetes-validations": kind.rules } : {}),
            },
          },
        },
      ],
    },
  };
}
