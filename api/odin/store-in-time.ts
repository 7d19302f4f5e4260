import { StoreProblem } from "../../store/store-problem.ts";

/** The answer of the store, or a `StoreProblem` if it takes too long: a disk that hangs must not hold up what can be done without it. */
export async function storeInTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const problem = new StoreProblem("busy", `the store has not answered within ${ms / 1000} s`);
    timer = setTimeout(() => reject(problem), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
