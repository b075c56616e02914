import { workerData } from 'node:worker_threads';

/**
 * Runs in a thread of its own in a server of `raincheck dev`. It ends the process, however busy
 * that is, once the parent process (its id is the thread's data) is gone. Otherwise the server
 * would hold the store and the port for ever.
 */
const lookMs = 1_000;

setInterval(() => {
  // A process whose parent is gone gets another parent id.
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, lookMs);
