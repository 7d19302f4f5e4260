import type { GpuRow } from "./gpu-spec.ts";

const nvidia = (
  cw_name: string,
  name: string,
  ram: number,
  cuda_cores: number,
  tensor_cores: number | undefined,
  tflops_fp32: number,
): GpuRow => ({
  ...{ cw_name, name, vendor: "nvidia", ram, cuda_cores },
  ...(tensor_cores === undefined ? {} : { tensor_cores }),
  tflops_fp32,
});

/**
 * The models that Clockwork knows (C-67), in the order in which it lists them. The figures of the first ten are those of the Clockwork document; what is
 * named beside each is NVIDIA's own publication that has them too. Single precision is at boost clock, rounded as published there.
 */
export const GPU_TABLE: readonly GpuRow[] = [
  // Turing: data sheet "NVIDIA Quadro RTX 8000".
  nvidia("rtx8000", "rtx8000", 48, 4608, 576, 16.3),
  // Volta, SXM2: white paper "NVIDIA Tesla V100 GPU Architecture".
  nvidia("v100", "v100", 16, 5120, 640, 15.7),
  // Turing: data sheet "NVIDIA T4".
  nvidia("t4", "t4", 16, 2560, 320, 8.1),
  // Pascal, PCIe: data sheet "NVIDIA Tesla P100 for PCIe-based servers", for both sizes.
  nvidia("p100", "p100", 12, 3584, undefined, 9.3),
  nvidia("p100l", "p100", 16, 3584, undefined, 9.3),
  // Volta, SXM2: white paper "NVIDIA Tesla V100 GPU Architecture"; memory: data sheet "NVIDIA V100".
  nvidia("v100l", "v100", 32, 5120, 640, 15.7),
  // Ampere: white paper "NVIDIA A100 Tensor Core GPU Architecture".
  nvidia("a100", "a100", 40, 6912, 432, 19.5),
  // Kepler, both GPUs of the card together: data sheet "NVIDIA Tesla K80".
  nvidia("k80", "k80", 24, 4992, undefined, 8.73),
  // Maxwell: data sheet "NVIDIA Tesla M40".
  nvidia("m40", "m40", 24, 3072, undefined, 7),
  // Turing: data sheet "NVIDIA TITAN RTX", which rounds to 16.3.
  nvidia("titanrtx", "titanrtx", 24, 4608, 576, 16.31),
  // Ampere: data sheet "NVIDIA A100 80GB"; cores: white paper "NVIDIA A100 Tensor Core GPU Architecture".
  nvidia("a100l", "a100", 80, 6912, 432, 19.5),
  // Ampere: data sheet "NVIDIA A10 Tensor Core GPU"; cores: white paper "NVIDIA Ampere GA102 GPU Architecture".
  nvidia("a10", "a10", 24, 9216, 288, 31.2),
  // Ampere: data sheet "NVIDIA A40"; cores: white paper "NVIDIA Ampere GA102 GPU Architecture".
  nvidia("a40", "a40", 48, 10752, 336, 37.4),
  // Ampere: data sheet "NVIDIA RTX A6000".
  nvidia("rtxa6000", "rtxa6000", 48, 10752, 336, 38.7),
  // Ada Lovelace: data sheet "NVIDIA L40S".
  nvidia("l40s", "l40s", 48, 18176, 568, 91.6),
  // Hopper, SXM5: white paper "NVIDIA H100 Tensor Core GPU Architecture".
  nvidia("h100", "h100", 80, 16896, 528, 66.9),
  // Hopper: data sheet "NVIDIA H200 Tensor Core GPU", which rounds to 67; its cores are those of the H100 SXM5.
  nvidia("h200", "h200", 141, 16896, 528, 66.9),
  // Hopper, PCIe: white paper "NVIDIA H100 Tensor Core GPU Architecture".
  nvidia("h100pcie", "h100", 80, 14592, 456, 51.2),
];
