import { badValue, type Fields, supplied } from "../fields.ts";
import { ApplicationError, echoed } from "../mlbench-error.ts";
import { templateProblem } from "./command.ts";
import type { BenchmarkImage, ImageTable } from "./image-table.ts";
import type { RunSettings } from "./run-settings.ts";
import { isRunName, type RunPlan } from "./run-spec.ts";

/** A POST of a run, read (M-38). */
export interface RunRequest {
  plan: RunPlan;
  /** The body has no `image_name` (M-39). */
  isDocumentForm: boolean;
}

/** Said where a limit was asked for of which nobody knows whether it holds (M-39); a line of stdout says the same. */
export const BANDWIDTH_WARNING = "max_bandwidth depends on the network plugin";

/** The fields of a new run that count; all others are ignored (M-38). */
export const RUN_FIELDS = [
  ...["name", "num_workers", "num_cpus", "max_bandwidth", "gpu_enabled", "light_target"],
  ...["image_name", "custom_image_name", "custom_image_command", "custom_image_all_nodes"],
  ...["backend", "custom_backend", "run_all_nodes"],
] as const;

/** Key that stands for an image that is not in the table. */
const CUSTOM_IMAGE = "custom_image";
/** Value of `backend` that says that the backend stands elsewhere. */
const CUSTOM_BACKEND = "custom_backend";
const MAX_CPUS = 1_000_000;
const MAX_MBITS = 1_000_000_000;
const MAX_IMAGE = 1024;
const MAX_COMMAND = 65_536;
const MAX_BACKEND = 1024;
/** Characters of a name that an error repeats. */
const SHOWN_NAME = 200;

/** Reads the fields of a new run; throws the 400 that names the first one that is wrong (M-10, M-38). */
export function readRunRequest(
  fields: Fields,
  settings: Pick<RunSettings, "images" | "defaultImage" | "maxWorkers">,
): RunRequest {
  const name = supplied("name", fields.text("name"));
  if (!isRunName(name)) throw new ApplicationError(400, `Invalid run name ${name.slice(0, SHOWN_NAME)}`);
  const workers = supplied("num_workers", fields.integer("num_workers"));
  if (workers < 1 || workers > settings.maxWorkers)
    throw badValue("num_workers", workers, `not between 1 and ${settings.maxWorkers}`);
  const cpus = supplied("num_cpus", fields.number("num_cpus"));
  if (cpus < 0 || cpus > MAX_CPUS) throw badValue("num_cpus", cpus, `not between 0 and ${MAX_CPUS}`);
  const key = fields.text("image_name");
  const isDocumentForm = key === undefined;
  const { image, command, gpu } = imageOf(fields, key, settings);
  const backend = backendOf(fields);
  const mbits = isDocumentForm ? fields.number("max_bandwidth") : undefined;
  if (mbits !== undefined && (mbits < 0 || mbits > MAX_MBITS))
    throw badValue("max_bandwidth", mbits, `not between 0 and ${MAX_MBITS}`);
  return {
    plan: {
      ...{ name, workers, image, template: command, ...backend },
      gpus: gpu && fields.boolean("gpu_enabled") ? 1 : 0,
      lightTarget: fields.boolean("light_target"),
      ...(cpus === 0 ? {} : { cpu: cpuQuantity(cpus) }),
      // A limit of 0 would be none at all for the network; it is taken as none.
      ...(mbits === undefined || mbits === 0 ? {} : { egressMbits: Math.ceil(mbits) }),
    },
    isDocumentForm,
  };
}

function imageOf(
  fields: Fields,
  key: string | undefined,
  { images, defaultImage }: Pick<RunSettings, "images" | "defaultImage">,
): BenchmarkImage & { image: string } {
  if (key === CUSTOM_IMAGE) return customImage(fields);
  const name = key ?? defaultImage;
  const found = images.get(name);
  if (found !== undefined) return { image: name, ...found };
  throw badValue("image_name", name, `none of the images: ${keysOf(images)}`);
}

function keysOf(images: ImageTable): string {
  return [...images.keys(), CUSTOM_IMAGE].join(", ");
}

function customImage(fields: Fields): BenchmarkImage & { image: string } {
  const image = supplied("custom_image_name", fields.text("custom_image_name"));
  if (!/^[\x21-\x7e]+$/.test(image) || image.length > MAX_IMAGE)
    throw badValue("custom_image_name", image, "no image reference");
  const command = supplied("custom_image_command", fields.text("custom_image_command"));
  if (command.trim() === "" || command.length > MAX_COMMAND)
    throw badValue("custom_image_command", command, `no command of 1 to ${MAX_COMMAND} characters`);
  const problem = templateProblem(command);
  if (problem !== undefined) throw new ApplicationError(400, `custom_image_command: ${echoed(command)} ${problem}`);
  return { image, command, gpu: true };
}

/** Where and how the command is started (M-38, M-46). */
function backendOf(fields: Fields): Pick<RunPlan, "backend" | "allRanks" | "launcher"> {
  const given = fields.text("backend")?.toLowerCase() || undefined;
  if (given === CUSTOM_BACKEND) {
    const backend = fitting("custom_backend", supplied("custom_backend", fields.text("custom_backend")));
    return { backend, allRanks: fields.boolean("run_all_nodes"), launcher: false };
  }
  const backend = fitting("backend", given ?? "mpi");
  // Clients from before there were backends write the launcher into the command themselves.
  if (given === undefined && fields.raw("custom_image_all_nodes") !== undefined)
    return { backend, allRanks: fields.boolean("custom_image_all_nodes"), launcher: false };
  return { backend, allRanks: backend !== "mpi", launcher: backend === "mpi" };
}

function fitting(field: string, backend: string): string {
  if (backend === "" || backend.length > MAX_BACKEND || backend.includes("\0"))
    throw badValue(field, backend, `no text of 1 to ${MAX_BACKEND} characters`);
  return backend;
}

/** As a Kubernetes quantity: whole CPUs, or thousandths, which is the finest that there is. */
function cpuQuantity(cpus: number): string {
  const thousandths = Math.ceil(Number((cpus * 1000).toPrecision(12)));
  return thousandths % 1000 === 0 ? String(thousandths / 1000) : `${thousandths}m`;
}
