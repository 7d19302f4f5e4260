/**
 * Memory, in MiB, that each thread may use for objects that last; a thread that needs more is ended. The worst bodies, which are millions of values, and the
 * largest jobs need less. With what it uses besides, for new objects and for bytes outside of its heap, a thread stays below 300. The chart's limit of memory
 * counts with that, and with all threads at once: nobody must be able to have the whole process killed by what he sends.
 */
export const THREAD_MB = 192;
