/**
 * Loaded into the operator beforehand (`node --expose-gc --import …`): SIGUSR2 makes it collect its garbage. What its heap holds at two moments can be
 * compared only then, for V8 collects when it likes, and more seldom the longer all goes well.
 */
process.on("SIGUSR2", () => void globalThis.gc?.());
