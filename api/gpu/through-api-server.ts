import type { KubeClient } from "../../kube/client.ts";
import { POD } from "../../kube/core-resources.ts";
import { isKubeError } from "../../kube/errors.ts";
import { objectPath } from "../../kube/resource.ts";
import { describeStatus } from "./direct.ts";
import { type OpenExporter, ScrapeError } from "./scrape.ts";

/** Where the metrics of an exporter's pod are. */
export interface PodPort {
  namespace: string;
  pod: string;
  scheme: "http" | "https";
  port: number;
}

/**
 * Asks an exporter through the pod proxy of the API server, for a facade outside the cluster (G-30). It needs the right
 * to `get` `pods/proxy`.
 */
export function openThroughApiServer(client: KubeClient, { namespace, pod, scheme, port }: PodPort): OpenExporter {
  // The name is `scheme:pod:port`; https is what it has to be told.
  const name = `${scheme === "https" ? "https:" : ""}${pod}:${port}`;
  const path = `${objectPath(POD, namespace, name, "proxy")}/metrics`;
  return async (signal) => {
    try {
      return await client.stream(path, { signal });
    } catch (error) {
      if (isKubeError(error, "forbidden") && /pods\/proxy|cannot get resource/.test(error.message)) {
        throw new ScrapeError("other", 'could not be asked: this server may not "get" "pods/proxy"', error);
      }
      if (isKubeError(error) && error.code >= 300) throw new ScrapeError("http", describeStatus(error.code), error);
      throw error;
    }
  };
}
