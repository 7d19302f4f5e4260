/**
 * The tables of what MLBench's runs have written (M-74). `mlbench_output` has one row for each run: how many lines its streams have, and a token that is
 * another one after each write. `mlbench_output_source` says how far each source of lines has been stored; `inside` is 1 in the middle of a line whose
 * beginning is stored and whose rest is left out.
 */
export function outputTables(): readonly string[] {
  return [
    `CREATE TABLE mlbench_output (
       run BIGINT PRIMARY KEY,
       stdout_lines BIGINT NOT NULL,
       stderr_lines BIGINT NOT NULL,
       goal BIGINT NOT NULL,
       token TEXT NOT NULL
     )`,
    `CREATE TABLE mlbench_output_line (
       run BIGINT NOT NULL,
       stream TEXT NOT NULL,
       number BIGINT NOT NULL,
       text TEXT NOT NULL,
       PRIMARY KEY (run, stream, number)
     )`,
    `CREATE TABLE mlbench_output_source (
       run BIGINT NOT NULL,
       source TEXT NOT NULL,
       bytes BIGINT NOT NULL,
       inside BIGINT NOT NULL,
       PRIMARY KEY (run, source)
     )`,
  ];
}
