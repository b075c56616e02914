import { workerData } from 'node:worker_threads';

/**
 * A thread of its own in a server of `raincheck dev`: it ends the process, whatever that is busy with, once the process
 * that started it, whose id is the thread's data, is gone. Else it would keep the store and the port for ever.
 */
const lookMs = 1_000;

setInterval(() => {
  // A child whose parent is gone gets another.
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, lookMs);
