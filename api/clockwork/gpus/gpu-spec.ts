/** What a model of GPU is made of, as Clockwork shows it (C-66). */
export interface GpuSpec {
  /** Short name of the model; models of different memory may share it. */
  name: string;
  vendor: string;
  /** GB. */
  ram: number;
  cuda_cores: number;
  /** Absent on cards that have none. */
  tensor_cores?: number;
  /** Of single precision, at boost clock, without tensor cores. */
  tflops_fp32: number;
}

/** A row of the table of models: a specification under the name that nodes show for it (C-67). It is the key and never shown. */
export interface GpuRow extends GpuSpec {
  cw_name: string;
}
